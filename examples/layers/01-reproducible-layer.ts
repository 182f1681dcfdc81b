import { createHash } from "node:crypto";
import { tarEntry, writeArchive } from "@ctr/layers";

const code = new TextEncoder().encode("console.log('hi')\n");
const layer = writeArchive([
  { entry: tarEntry({ name: "app/", type: "directory" }) },
  { entry: tarEntry({ name: "app/.wh.old.js", type: "file" }) }, // hides app/old.js of the layers below
  { entry: tarEntry({ name: "app/run.js", type: "file", size: code.length }), content: [code] },
]);

const hash = createHash("sha256");
for await (const chunk of layer) hash.update(chunk);
console.log(`diff id sha256:${hash.digest("hex").slice(0, 12)}…`);
// prints: diff id sha256:b879bc1521ed…
