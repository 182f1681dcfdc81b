import { start } from "@ctr/kernel";
import { readNamespaces } from "@ctr/namespaces";

const because = { option: "example", why: "it is looked at from outside" };
const child = await start({
  namespaces: ["uts", "ipc"],
  steps: [
    { do: "barrier", name: "look", because },
    { do: "exec", argv: ["/bin/true"], env: [], because },
  ],
  barriers: {
    look: (pid) => {
      const [own, its] = [readNamespaces(), readNamespaces(pid)];
      for (const type of ["uts", "ipc", "network"] as const)
        console.log(type, own[type] === its[type] ? "shared" : "its own");
    },
  },
});
await child.ended();
// prints: uts its own
// prints: ipc its own
// prints: network shared
