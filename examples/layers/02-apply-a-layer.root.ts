import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyLayer, compress, tarEntry, writeArchive } from "@ctr/layers";

// Needs root: files of a layer belong to whom the layer says.
const text = Buffer.from("hello\n");
const tar = writeArchive([{ entry: tarEntry({ name: "etc/motd", type: "file", size: text.length }), content: [text] }]);
const directory = await mkdtemp(join(tmpdir(), "layer-"));
const { entries } = await applyLayer({ archive: compress({ source: tar, format: "zstd" }), directory });
console.log(`${entries} entry: ${await readFile(join(directory, "etc/motd"), "utf8")}`.trim());
await rm(directory, { recursive: true });
// prints: 1 entry: hello
