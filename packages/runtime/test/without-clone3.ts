// Run under a filter that has no clone3(2): start a process in a new PID namespace and end as it ends.
import { start } from "@ctr/kernel";

const because = { option: "test", why: "clone3 is missing here" };
const steps = [{ do: "exec", argv: ["/bin/sh", "-c", "exit $((40 + $$))"], env: [], because }] as const;
const child = await start({ steps, namespaces: ["pid"] });
process.exitCode = (await child.ended()).code ?? 99;
