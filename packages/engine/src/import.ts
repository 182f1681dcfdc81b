import { createHash } from "node:crypto";
import { thisPlatform } from "@ctr/image-store";
import { type Compression, compress, decompress, detectCompression } from "@ctr/layers";
import {
  type Descriptor,
  type Digest,
  encodeJson,
  type ImageConfig,
  type Manifest,
  makeDigest,
  mediaTypes,
  type Platform,
  parseReference,
} from "@ctr/oci";
import { applyChanges } from "./apply-changes.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { unpackImage } from "./unpack.ts";

export interface ImportRequest {
  /** A tar archive of the files, compressed or not. */
  readonly archive: AsyncIterable<Uint8Array>;
  readonly name?: string;
  /** Dockerfile instructions: `CMD ["sh"]`. @see {@link applyChanges} */
  readonly changes?: readonly string[];
  /** Goes into the image's history. Default: Docker's "Imported from -". */
  readonly message?: string;
  /** Default: this machine's. */
  readonly platform?: Platform;
  /** Default: now. */
  readonly created?: Date;
  readonly signal?: AbortSignal;
}

/**
 * Make an image of one layer out of an archive of files. Layers that are packed with gzip or zstd keep their
 * bytes, others are packed with gzip.
 *
 * @throws {BuilderError} {DockerfileError} for changes that are none; {LayerError} for an archive that is none;
 *   {OciError} for a name that is none; {ImageStoreError}; the store lists what it listed before
 */
export async function importImage(context: Context, o: ImportRequest): Promise<Digest> {
  const { store } = context;
  const names = o.name === undefined ? [] : [checkedName(o.name)];
  const defaults = applyChanges({}, o.changes ?? []);
  const { layer, diffId } = await storeLayer(context, o);
  const created = (o.created ?? new Date()).toISOString();
  const { os, architecture, variant } = o.platform ?? thisPlatform();
  const config: ImageConfig = {
    created,
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: defaults,
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created, comment: o.message ?? "Imported from -" }],
  };
  const configBlob = await store.writeBlob(new TextEncoder().encode(encodeJson(config)));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...configBlob },
    layers: [layer],
  };
  const manifestBlob = await store.writeBlob(new TextEncoder().encode(encodeJson(manifest)));
  await unpackImage(context, { manifest, config, signal: o.signal });
  await store.addImage({ target: { mediaType: mediaTypes.manifest, ...manifestBlob }, names });
  return configBlob.digest;
}

function checkedName(name: string): string {
  if (parseReference(name).digest === undefined) return name;
  throw new EngineError("ERR_ENGINE_OPTION", "cannot import digest reference", { exitCode: 1 });
}

async function storeLayer(
  { store }: Context,
  o: ImportRequest,
): Promise<{ readonly layer: Descriptor; readonly diffId: Digest }> {
  const signal = o.signal === undefined ? {} : { signal: o.signal };
  const { compression, archive } = await peek(o.archive);
  const hash = createHash("sha256");
  if (compression === "gzip" || compression === "zstd") {
    const blob = await store.writeBlob(archive, signal);
    for await (const chunk of decompress(store.readBlobStream(blob.digest, signal))) hash.update(chunk);
    const mediaType = compression === "gzip" ? mediaTypes.layerGzip : mediaTypes.layerZstd;
    return { layer: { mediaType, ...blob }, diffId: makeDigest("sha256", hash.digest("hex")) };
  }
  const source = hashed(decompress(archive, { accept: "any" }), (chunk) => hash.update(chunk));
  const blob = await store.writeBlob(compress({ source, format: "gzip" }), signal);
  return {
    layer: { mediaType: mediaTypes.layerGzip, ...blob },
    diffId: makeDigest("sha256", hash.digest("hex")),
  };
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    see(chunk);
    yield chunk;
  }
}

/** The longest of the marks that compressed files begin with. */
const startBytes = 6;

/** Look at how an archive is compressed; the returned one has all its bytes. */
async function peek(
  archive: AsyncIterable<Uint8Array>,
): Promise<{ readonly compression: Compression; readonly archive: AsyncIterable<Uint8Array> }> {
  const iterator = archive[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let length = 0;
  while (length < startBytes) {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    length += next.value.length;
  }
  const all = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield* seen;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return { compression: detectCompression(Buffer.concat(seen).subarray(0, startBytes)), archive: all() };
}
