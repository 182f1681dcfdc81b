import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";

const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const engine = openEngine({ root });
await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });

// At most 20 processes, in the background; then one more program in it, whose output is this one's.
const resources = { pids: { limit: 20 } };
const { id } = await engine.containers.create({
  image: "busybox",
  command: ["sleep", "60"],
  network: "none",
  resources,
});
(await engine.containers.start(id)).attachment.close();
const child = await engine.containers.exec(id, { command: ["sh", "-c", "cat /proc/1/comm; exit 4"], stdio: [0, 1, 2] });
console.log(`exec: ${(await child.ended()).code}`);
console.log(await engine.containers.stop(id, { seconds: 0 }));

await engine.containers.remove(id);
engine.close();
rmSync(root, { recursive: true });
// prints: sleep
// prints: exec: 4
// prints: { killed: true, ignoresSignal: true }
