import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";

// A state directory of its own, and a small image out of what this machine has.
const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const engine = openEngine({ root });
await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });

const command = ["sh", "-c", "echo I am process $$; exit 3"];
const { id } = await engine.containers.create({ image: "busybox", command, network: "none" });
const { attachment } = await engine.containers.start(id, { beforeStart: (output) => output.showOutput(1) });
console.log(`exit code ${await engine.containers.wait(id)}`);

attachment.close();
await engine.containers.remove(id);
engine.close();
rmSync(root, { recursive: true });
// prints: I am process 1
// prints: exit code 3
