import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";

const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const engine = openEngine({ root });
await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });

const command = ["sh", "-c", "echo hello > /greeting; rm /bin/vi"];
const { id } = await engine.containers.create({ image: "busybox", command, network: "none" });
(await engine.containers.start(id)).attachment.close();
await engine.containers.wait(id);
for await (const { kind, path } of engine.containers.changes(id)) console.log(kind, path);
const { layer } = await engine.containers.commit(id, { name: "greeting", sourceDateEpoch: 0 });
console.log(`a layer of ${layer?.size} bytes`);

await engine.containers.remove(id);
engine.close();
rmSync(root, { recursive: true });
// prints: C /bin
// prints: D /bin/vi
// prints: A /greeting
// prints: a layer of 3072 bytes
