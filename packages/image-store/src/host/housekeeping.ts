import { readdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "@ctr/oci";
import { dropDeadLeases, removeBlobFiles, removeUnfinished } from "./collect.ts";
import { type Context, imagesDirectory, temporaryDirectory } from "./context.ts";
import { one, transaction } from "./database.ts";
import { blobChoice, dropKnown } from "./drop-blobs.ts";
import { writeLayoutIndex } from "./layout.ts";
import { isAlive, ownerOf } from "./owner.ts";

/** What a crash had left. */
export interface Tidied {
  readonly temporaryFiles: number;
  readonly layerDirectories: number;
  readonly blobFiles: number;
}

/**
 * Clear up after processes that died: temporary files, half-made layers, blobs without a record, an old
 * `index.json`. Nothing of a living process is touched, nor any directory in `overlay2/` that this
 * store did not begin. Takes milliseconds when there is nothing to do.
 */
export async function housekeeping(context: Context): Promise<Tidied> {
  const unlisted = transaction(context.database, () => {
    dropDeadLeases(context);
    writeLayoutIndex(context);
    return blobFiles(context).filter(
      (digest) => one(context.database, "SELECT 1 FROM image_blob WHERE digest = ?", digest) === undefined,
    );
  });
  await removeBlobFiles(context, unlisted);
  if (blobChoice(context) === "drop") await dropKnown(context);
  const layerDirectories = (await removeUnfinished(context, "adding")) + (await removeUnfinished(context, "removing"));
  return { blobFiles: unlisted.length, layerDirectories, temporaryFiles: await removeTemporaryFiles(context) };
}

function blobFiles(context: Context): readonly Digest[] {
  return ["sha256", "sha512"].flatMap((algorithm) =>
    readdirSync(join(imagesDirectory(context), "blobs", algorithm))
      .map((hex) => `${algorithm}:${hex}`)
      .filter(isDigest),
  );
}

async function removeTemporaryFiles(context: Context): Promise<number> {
  const names = await readdir(temporaryDirectory(context));
  const left = names.filter((name) => !isAlive(ownerOf(name)));
  for (const name of left) await rm(join(temporaryDirectory(context), name), { force: true });
  return left.length;
}
