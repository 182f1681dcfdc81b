// Starts a shell under a monitor and ends at once: `start-detached.ts DIRECTORY SCRIPT`. Prints the shell's pid.
import { startBarrier, startMonitored } from "../src/index.ts";

const [directory, script] = process.argv.slice(2);
const because = { option: "test", why: "the starter does not stay" };
const { pid } = await startMonitored({
  steps: [
    { do: "barrier", name: startBarrier, because },
    { do: "exec", argv: ["/bin/sh", "-c", script!], env: ["PATH=/usr/bin:/bin"], because },
  ],
  namespaces: ["pid"],
  directory: directory!,
  terminal: false,
  input: false,
  logLimit: 1 << 20,
});
console.log(pid);
