import { start } from "@ctr/kernel";

const because = { option: "example", why: "a hostname of its own" };
const child = await start({
  namespaces: ["uts", "pid"],
  steps: [
    { do: "setHostname", name: "inside", because },
    { do: "exec", argv: ["/bin/sh", "-c", 'echo "$(hostname), PID $$"'], env: ["PATH=/usr/bin:/bin"], because },
  ],
});
console.log(await child.ended());
// prints: inside, PID 1
// prints: { code: 0, signal: undefined }
