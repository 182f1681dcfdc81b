import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Digest, makeDigest } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { StoredLayer } from "../stored-image.ts";
import { type Context, overlayDirectory, takeLease } from "./context.ts";
import { run, transaction } from "./database.ts";
import { ioError, syncDirectory } from "./durable.ts";
import { discard, findLayer, overlayParents, requireLayer } from "./layers.ts";
import { measureTree, shortNameBytes } from "./tree.ts";

export interface AddLayerOptions {
  readonly chainId: Digest;
  /** Absent for the oldest layer. It must be in the store, or come before this one in the same call. */
  readonly parentChainId?: Digest;
  readonly diffId: Digest;
  /**
   * Writes the layer's files, and checks that the archive they come from has the diff id.
   *
   * @param parents  Cache ids of all layers below, newest first, once their files are written. Layers that are added
   *   together are filled side by side: whoever does not ask for these does not wait.
   */
  readonly fill: (diffDirectory: string, parents: () => Promise<readonly string[]>) => Promise<void>;
}

/** A layer on its way: its directory is there and belongs to no record yet. */
interface Begun {
  readonly options: AddLayerOptions;
  readonly cacheId: string;
  /** Cache ids, newest first. */
  readonly parents: readonly string[];
}

/** {@link addLayers} for one. */
export async function addLayer(context: Context, o: AddLayerOptions): Promise<StoredLayer> {
  return (await addLayers(context, [o]))[0]!;
}

/**
 * Add unpacked layers that lie upon one another, oldest first; those that are there already are left as they are.
 * They are filled side by side and brought to disk together; then they appear, each in a transaction. Until then
 * there are only unfinished directories that `housekeeping` removes. When two processes add the same layer at once,
 * the first to finish wins and both get its.
 *
 * @throws {ImageStoreError} `ERR_LAYER_CHAIN`, `ERR_LAYER_NOT_FOUND` for a parent, `ERR_IMAGE_STORE_NO_SPACE`; what
 *   the first `fill` to fail throws, when all have ended. Nothing was added then.
 */
export async function addLayers(context: Context, layers: readonly AddLayerOptions[]): Promise<readonly StoredLayer[]> {
  for (const layer of layers) checkChain(layer);
  const begun = transaction(context.database, () => begin(context, layers));
  try {
    await fillAll(context, begun);
    const sizes = await bringToDisk(context, begun);
    for (const [index, layer] of begun.entries()) await finish(context, layer, sizes[index]!);
  } catch (error) {
    for (const { cacheId, options } of begun)
      if (findLayer(context, options.chainId)?.cacheId !== cacheId) await discard(context, cacheId);
    throw ioError(`unpacking ${layers.length === 1 ? `layer ${layers[0]!.diffId}` : "layers"}`, error);
  }
  return layers.map(({ chainId }) => requireLayer(context, chainId));
}

function checkChain(o: AddLayerOptions): void {
  const { parentChainId: parent, diffId } = o;
  const chainId =
    parent === undefined
      ? diffId
      : makeDigest("sha256", createHash("sha256").update(`${parent} ${diffId}`).digest("hex"));
  if (chainId !== o.chainId)
    throw new ImageStoreError(
      "ERR_LAYER_CHAIN",
      `layer ${diffId} on ${parent ?? "nothing"} has chain id ${chainId}, not ${o.chainId}`,
    );
}

/** Those that are missing, noted as unfinished. All are leased: otherwise a prune could take one away meanwhile. */
function begin(context: Context, layers: readonly AddLayerOptions[]): readonly Begun[] {
  const begun = new Map<Digest, Begun>();
  for (const options of layers) {
    const { chainId, parentChainId } = options;
    const isHere = begun.has(chainId) || findLayer(context, chainId) !== undefined;
    takeLease(context, chainId);
    if (isHere) continue;
    const below = parentChainId === undefined ? undefined : begun.get(parentChainId);
    if (parentChainId !== undefined && below === undefined) {
      requireLayer(context, parentChainId);
      takeLease(context, parentChainId);
    }
    const cacheId = randomBytes(32).toString("hex");
    run(context.database, "INSERT INTO image_unfinished VALUES (?, ?, 'adding')", cacheId, context.owner);
    begun.set(chainId, {
      options,
      cacheId,
      parents: below === undefined ? parentsOf(context, options) : [below.cacheId, ...below.parents],
    });
  }
  return [...begun.values()];
}

function parentsOf(context: Context, { parentChainId }: AddLayerOptions): readonly string[] {
  return parentChainId === undefined ? [] : overlayParents(context, parentChainId);
}

/** All fills are over afterwards, also when one fails. */
async function fillAll(context: Context, begun: readonly Begun[]): Promise<void> {
  const overlayRoot = overlayDirectory(context);
  const directories: string[] = [];
  for (const { cacheId, parents } of begun)
    directories.push((await context.layerDirectories.createLayerDirectory({ overlayRoot, cacheId, parents })).diff);
  const filled = new Map<string, Promise<void>>();
  const writeBack = writerBack(context, begun.length);
  for (const [index, { options, cacheId, parents }] of begun.entries()) {
    const below = async (): Promise<readonly string[]> => {
      await Promise.all(parents.map((parent) => filled.get(parent)));
      return parents;
    };
    const filling = options.fill(directories[index]!, below);
    filled.set(cacheId, filling);
    filling.then(writeBack, () => {});
  }
  const failed = (await Promise.allSettled(filled.values())).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** To call when a layer is filled: what goes to disk while others still arrive need not be waited for at the end. */
function writerBack(context: Context, layers: number): () => void {
  const { syncFileSystem } = context;
  let left = layers;
  let isWriting = false;
  return () => {
    left--;
    if (syncFileSystem === undefined || isWriting || left === 0) return;
    isWriting = true;
    const over = (): void => {
      isWriting = false;
    };
    Promise.resolve(syncFileSystem(overlayDirectory(context))).then(over, over); // its errors come again at the end
  };
}

/** Returns the bytes that each layer takes, with its short name. Both names lie in directories above it. */
export async function bringToDisk(
  context: Context,
  begun: readonly Pick<Begun, "cacheId">[],
): Promise<readonly number[]> {
  if (begun.length === 0) return [];
  const overlayRoot = overlayDirectory(context);
  const directories = begun.map(({ cacheId }) => join(overlayRoot, cacheId));
  if (context.syncFileSystem !== undefined) await context.syncFileSystem(overlayRoot);
  const sizes = await Promise.all(
    directories.map(
      async (directory, index) =>
        (await measure(context, directory)) + shortNameBytes(overlayRoot, begun[index]!.cacheId),
    ),
  );
  if (context.syncFileSystem === undefined)
    for (const path of [join(overlayRoot, "l"), overlayRoot]) syncDirectory(path);
  return sizes;
}

function measure(context: Context, directory: string): number | Promise<number> {
  const sync = context.syncFileSystem === undefined;
  return context.diskUsage === undefined || sync ? measureTree(directory, { sync }) : context.diskUsage(directory);
}

/** Make a layer visible, or throw it away when somebody else has added it meanwhile. */
async function finish(context: Context, begun: Begun, size: number): Promise<void> {
  const { options, cacheId } = begun;
  const overlayRoot = overlayDirectory(context);
  let named = begun.parents;
  for (;;) {
    const parents = parentsOf(context, options);
    // Somebody else was first with a layer below, however far: what lies upon it must name theirs.
    if (!isSame(parents, named)) await context.layerDirectories.setParents({ overlayRoot, cacheId, parents });
    named = parents;
    const layer = transaction(context.database, () =>
      isSame(parentsOf(context, options), named) ? record(context, begun, size) : undefined,
    );
    if (layer === undefined) continue; // exchanged meanwhile, by a repair
    if (layer.cacheId !== cacheId) await discard(context, cacheId);
    return;
  }
}

const isSame = (some: readonly string[], others: readonly string[]): boolean => some.join() === others.join();

function record(context: Context, { options, cacheId }: Begun, size: number): StoredLayer {
  const { chainId, parentChainId, diffId } = options;
  const present = findLayer(context, chainId);
  takeLease(context, chainId);
  if (present !== undefined) return present;
  run(context.database, "DELETE FROM image_unfinished WHERE cache_id = ?", cacheId);
  run(
    context.database,
    "INSERT INTO image_layer VALUES (?, ?, ?, ?, ?)",
    chainId,
    parentChainId ?? null,
    diffId,
    cacheId,
    size,
  );
  return requireLayer(context, chainId);
}
