import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@ctr/image-store";
import { makeDigest } from "@ctr/oci";

const root = mkdtempSync(join(tmpdir(), "store-"));
using store = openStore({ root });
const diffId = makeDigest("sha256", createHash("sha256").update("the layer's archive").digest("hex"));
const fill = async (diff: string): Promise<void> => {
  console.log("unpacking");
  await writeFile(join(diff, "hello"), "hello\n");
};
const first = await store.addLayer({ chainId: diffId, diffId, fill });
const again = await store.addLayer({ chainId: diffId, diffId, fill });
console.log(first.cacheId === again.cacheId);
rmSync(root, { recursive: true });
// prints: unpacking
// prints: true
