import { compareTrees, type ImageSource, type ReuseReport, reportReuse, type TreeChange } from "@ctr/image-reuse";
import { isImageStoreError } from "@ctr/image-store";
import { type Digest, digestHex } from "@ctr/oci";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { diffDirectory, imageSources } from "./reuse-images.ts";
import { listTransfers, type Transfer } from "./reuse-transfers.ts";

export interface ReuseRequest {
  /** Names or ids. Default: all images of the store. */
  readonly images?: readonly string[];
  /** Count only what these hold as there already. Default: all other images of the store. */
  readonly against?: readonly string[];
  /** Duplicates and wasted paths to tell, largest first. Default 100. */
  readonly most?: number;
  readonly signal?: AbortSignal;
}

export interface StoreReuse extends ReuseReport {
  /** The last transfer of each image, as far as it is remembered, newest first. */
  readonly transfers: readonly Transfer[];
}

/**
 * Who holds which bytes, and what the last pull, push, build or load of each image moved.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`; {ImageReuseError} for a layer that cannot be read
 */
export async function reuse(context: Context, o: ReuseRequest): Promise<StoreReuse> {
  const { store } = context;
  const all = await imageSources(context, store.list());
  const sourcesOf = (names: readonly string[] | undefined): ImageSource[] =>
    names === undefined
      ? [...all.values()]
      : names.map((name) => all.get(store.resolve(name).variant.manifest.digest)!);
  const chosen = new Set(sourcesOf(o.images));
  const against = sourcesOf(o.against);
  const report = await reportReuse({
    images: [...chosen],
    others: against.filter((it) => !chosen.has(it)),
    most: o.most,
    signal: o.signal,
  });
  return { ...report, transfers: lastOfEach(listTransfers(context), new Set([...chosen].map(({ id }) => id))) };
}

function lastOfEach(transfers: readonly Transfer[], ids: ReadonlySet<Digest>): readonly Transfer[] {
  const seen = new Set<Digest>();
  return transfers.filter(({ image }) => {
    const isLast = ids.has(image) && !seen.has(image);
    seen.add(image);
    return isLast;
  });
}

export interface CompareRequest {
  /** A name or id, `NAME~2` for it without its two newest layers, or a layer's chain or diff id for it and all below. */
  readonly before: string;
  readonly after: string;
  readonly signal?: AbortSignal;
}

/**
 * What differs between two images, or two states of one. Layers that both have at the bottom cost nothing.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`; {EngineError} `ERR_ENGINE_OPTION`; {ImageReuseError}
 */
export async function* compare(context: Context, o: CompareRequest): AsyncGenerator<TreeChange, void, undefined> {
  yield* compareTrees({ before: stackOf(context, o.before), after: stackOf(context, o.after), signal: o.signal });
}

/** The directories that a text of {@link CompareRequest} means, newest first. */
function stackOf(context: Context, text: string): readonly string[] {
  const [, name = text, count = "0"] = /^(.+)~(\d{1,3})$/s.exec(text) ?? [];
  const layers = chainOf(context, name);
  const left = layers.length - Number(count);
  if (left < 0)
    throw new EngineError("ERR_ENGINE_OPTION", `${name} has ${layers.length} layers, so there is no ${text}`, {
      exitCode: 1,
    });
  return layers.slice(Number(count)).map((cacheId) => diffDirectory(context, cacheId));
}

/** Cache ids, newest first. */
function chainOf(context: Context, name: string): readonly string[] {
  const { store } = context;
  try {
    const { chainId } = store.resolve(name).variant;
    return chainId === undefined ? [] : store.overlayParents(chainId);
  } catch (error) {
    const layer =
      isImageStoreError(error) && error.code === "ERR_IMAGE_NOT_FOUND" ? findLayer(context, name) : undefined;
    if (layer === undefined) throw error;
    return store.overlayParents(layer);
  }
}

/** The one unpacked layer whose chain id or diff id begins so. */
function findLayer({ store }: Context, text: string): Digest | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(text)?.[1];
  if (hex === undefined) return undefined;
  const found = store
    .layers()
    .filter(({ chainId, diffId }) => [chainId, diffId].some((id) => digestHex(id).startsWith(hex)))
    .map(({ chainId }) => chainId);
  if (found.length < 2) return found[0];
  throw new EngineError(
    "ERR_ENGINE_AMBIGUOUS_ID",
    `several layers are meant by ${text}: name one by its chain id, ${found.slice(0, 5).join(" or ")}`,
    { exitCode: 1 },
  );
}
