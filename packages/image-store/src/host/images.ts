import { type Descriptor, type Digest, type Platform, parseDescriptor } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { ImageVariant, StoredImage } from "../stored-image.ts";
import { findBlob } from "./blobs.ts";
import type { Context } from "./context.ts";
import { all, one, type Row, run, transaction } from "./database.ts";
import { findLayer, layerChain } from "./layers.ts";
import { writeLayoutIndex } from "./layout.ts";
import { type ImageTree, readImageTree } from "./read-image.ts";

/**
 * Make what was written as blobs an image: the manifest or index `target`, under `names`. A name that
 * meant another image moves; that one stays, without it.
 *
 * @param o.names  In full, as `formatReference` gives them.
 * @throws {ImageStoreError} `ERR_IMAGE_INCOMPLETE` naming the missing blob, `ERR_IMAGE_INVALID`, `ERR_BLOB_SIZE_MISMATCH`; {OciError}
 */
export async function addImage(
  context: Context,
  o: { readonly target: Descriptor; readonly names: readonly string[] },
): Promise<StoredImage> {
  const target = parseDescriptor(o.target);
  const tree = await readImageTree(context, target);
  return transaction(context.database, () => {
    checkComplete(context, tree);
    recordTree(context, target, tree);
    for (const name of o.names) setName(context, name, target.digest);
    writeLayoutIndex(context);
    return loadImage(context, target.digest) as StoredImage;
  });
}

/**
 * Inside the transaction, so that nothing can be pruned between this look and the commit.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_INCOMPLETE`, `ERR_BLOB_SIZE_MISMATCH`
 */
export function checkComplete(context: Context, tree: ImageTree): void {
  const unpacked = new Set(
    tree.variants
      .filter(({ chainId }) => chainId !== undefined && findLayer(context, chainId))
      .map(({ manifest }) => manifest.digest),
  );
  const layersNotNeeded = new Set(
    tree.links
      .filter(({ parent }) => unpacked.has(parent))
      .flatMap(({ children }) => children.slice(1).map(({ digest }) => digest)),
  );
  for (const { digest, size } of tree.needed) {
    const blob = findBlob(context, digest);
    if (blob === undefined && !layersNotNeeded.has(digest))
      throw new ImageStoreError(
        "ERR_IMAGE_INCOMPLETE",
        `blob ${digest} is not in the store; fetch it before the image is added`,
      );
    if (blob !== undefined && blob.size !== size)
      throw new ImageStoreError(
        "ERR_BLOB_SIZE_MISMATCH",
        `blob ${digest} has ${blob.size} bytes, its descriptor says ${size}`,
      );
  }
}

function recordTree(context: Context, target: Descriptor, tree: ImageTree): void {
  const { database, owner } = context;
  run(
    database,
    "INSERT OR IGNORE INTO image_target VALUES (?, ?, ?)",
    target.digest,
    JSON.stringify(target),
    Date.now(),
  );
  for (const { parent, children } of tree.links)
    for (const [position, { digest }] of children.entries())
      run(database, "INSERT OR IGNORE INTO image_link VALUES (?, ?, ?)", parent, digest, position);
  for (const { manifest, config, platform, diffIds, chainId } of tree.variants)
    run(
      database,
      "INSERT OR REPLACE INTO image_variant VALUES (?, ?, ?, ?, ?, ?)",
      manifest.digest,
      JSON.stringify(manifest),
      config,
      JSON.stringify(platform),
      JSON.stringify(diffIds),
      chainId ?? null,
    );
  // From here on the image keeps them.
  const kept = [
    target.digest,
    ...tree.links.flatMap(({ children }) => children.map(({ digest }) => digest)),
    ...tree.variants.flatMap(({ chainId }) =>
      chainId && findLayer(context, chainId) ? layerChain(context, chainId).map((layer) => layer.chainId) : [],
    ),
  ];
  for (const digest of kept) run(database, "DELETE FROM image_lease WHERE digest = ? AND owner = ?", digest, owner);
}

/** Give an image one more name. Takes a target's digest; the caller resolves. */
export function nameImage(context: Context, target: Digest, name: string): void {
  transaction(context.database, () => {
    if (one(context.database, "SELECT 1 FROM image_target WHERE digest = ?", target) === undefined)
      throw new ImageStoreError("ERR_IMAGE_NOT_FOUND", `No such image: ${target}`);
    setName(context, name, target);
    writeLayoutIndex(context);
  });
}

function setName(context: Context, name: string, target: Digest): void {
  run(context.database, "INSERT OR REPLACE INTO image_name VALUES (?, ?)", name, target);
}

/** Take a name away; the image stays. False when nothing has it. */
export function unname(context: Context, name: string): boolean {
  return transaction(context.database, () => {
    const found = run(context.database, "DELETE FROM image_name WHERE name = ?", name) > 0;
    if (found) writeLayoutIndex(context);
    return found;
  });
}

/** All images, newest first. */
export function listImages(context: Context): readonly StoredImage[] {
  return all(context.database, "SELECT digest FROM image_target ORDER BY added_at DESC, digest")
    .map((row) => loadImage(context, row.digest as Digest))
    .filter((image) => image !== undefined);
}

export function loadImage(context: Context, target: Digest): StoredImage | undefined {
  const row = one(context.database, "SELECT * FROM image_target WHERE digest = ?", target);
  if (row === undefined) return undefined;
  return {
    target: JSON.parse(row.descriptor as string) as Descriptor,
    names: all(context.database, "SELECT name FROM image_name WHERE target = ? ORDER BY name", target).map(
      (r) => r.name as string,
    ),
    repoDigests: repoDigestsOf(context, target),
    addedAt: row.added_at as number,
    variants: variantsOf(context, target),
  };
}

function repoDigestsOf(context: Context, target: Digest): readonly string[] {
  const sql = "SELECT reference FROM image_repo_digest WHERE target = ? ORDER BY reference";
  return all(context.database, sql, target).map((row) => row.reference as string);
}

/**
 * Remember that a registry has an image, because it came from there or was sent there.
 *
 * @param o.reference  In full, with the digest that the registry knows it by.
 */
export function addRepoDigest(context: Context, o: { readonly target: Digest; readonly reference: string }): void {
  const { database } = context;
  if (repoDigestsOf(context, o.target).includes(o.reference)) return; // a pull of what is here writes nothing
  const isHere = "SELECT 1 FROM image_target WHERE digest = ?";
  transaction(database, () => {
    if (one(database, isHere, o.target) !== undefined)
      run(database, "INSERT OR IGNORE INTO image_repo_digest VALUES (?, ?)", o.target, o.reference);
  });
}

function variantsOf(context: Context, target: Digest): readonly ImageVariant[] {
  return all(
    context.database,
    `WITH RECURSIVE tree(digest) AS (
       VALUES (?) UNION SELECT child FROM image_link JOIN tree ON parent = digest)
     SELECT image_variant.* FROM tree JOIN image_variant ON manifest = tree.digest
     LEFT JOIN image_link ON parent = ? AND child = manifest ORDER BY position, manifest`,
    target,
    target,
  ).map(variantOf);
}

function variantOf(row: Row): ImageVariant {
  return {
    manifest: JSON.parse(row.descriptor as string) as Descriptor,
    config: row.config as Digest,
    platform: JSON.parse(row.platform as string) as Platform,
    diffIds: JSON.parse(row.diff_ids as string) as Digest[],
    ...(row.chain_id === null ? {} : { chainId: row.chain_id as Digest }),
  };
}
