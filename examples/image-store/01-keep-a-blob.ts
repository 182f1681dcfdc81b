import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@ctr/image-store";

const root = mkdtempSync(join(tmpdir(), "store-"));
using store = openStore({ root });
const blob = await store.writeBlob(new TextEncoder().encode("hello"));
console.log(blob.size, blob.digest.slice(0, 19));
console.log(Buffer.from(await store.readBlob(blob.digest)).toString());
rmSync(root, { recursive: true });
// prints: 5 sha256:2cf24dba5fb0
// prints: hello
