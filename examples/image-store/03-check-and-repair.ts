import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@ctr/image-store";

const root = mkdtempSync(join(tmpdir(), "store-"));
using store = openStore({ root });
const { digest } = await store.writeBlob(new TextEncoder().encode("hello"));
writeFileSync(store.blobPath(digest), "hullo"); // a disk that forgets
for (const repair of [true, false])
  for await (const { problem, repaired } of store.check({ repair }))
    console.log(`${problem.slice(0, 21)}: ${repaired ?? "still so"}`);
console.log(store.findBlob(digest));
rmSync(root, { recursive: true });
// prints: its bytes have digest: taken off the records; pull the image again to have it back
// prints: undefined
