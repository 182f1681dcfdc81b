import { createHash } from "node:crypto";
import { lstatSync, statSync } from "node:fs";
import { type ArchiveMember, compress, treeMembers, writeArchive } from "@ctr/layers";
import {
  type ContainerDefaults,
  type Descriptor,
  type Digest,
  encodeJson,
  type History,
  type ImageConfig,
  type Manifest,
  makeDigest,
  mediaTypes,
  parseReference,
  type Reference,
} from "@ctr/oci";
import { type ChangedTree, changedTree } from "./changes.ts";
import { committedSettings } from "./committed-settings.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { whileFrozen } from "./freeze.ts";
import { refresh } from "./refresh.ts";
import { unpackImage } from "./unpack.ts";

export interface CommitOptions {
  /** `REPOSITORY[:TAG]`; without one the image has only its id. */
  readonly name?: string;
  readonly author?: string;
  readonly message?: string;
  /** Dockerfile instructions: `CMD ["sh"]`, `ENV A=1`. */
  readonly changes?: readonly string[];
  /** Stop the container's processes while its files are read. Default true. */
  readonly pause?: boolean;
  /** Seconds since the epoch: the image's own time, and later times of files are set to it. Two commits of the same files are one image then. */
  readonly sourceDateEpoch?: number;
  readonly signal?: AbortSignal;
}

export interface Committed {
  readonly id: Digest;
  /** The layer that was added; undefined when the container changed nothing: the image then has a line of history more. */
  readonly layer: { readonly diffId: Digest; readonly size: number } | undefined;
}

/**
 * Make an image out of a container: its image's layers and one that holds what it changed, with the settings
 * that it was made with.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION`; {OciError} for what is no name; {BuilderError} for a change that is none
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_BLOB_NOT_FOUND` when its image was removed
 * @throws {LayerError} `ERR_LAYERS_SOURCE` for a file that no layer can tell of; {CgroupError} when it cannot be paused
 */
export async function commitContainer(context: Context, record: ContainerRecord, o: CommitOptions): Promise<Committed> {
  const now = await refresh(context, record);
  const names = o.name === undefined ? [] : [imageName(o.name)];
  const tree = changedTree(context, now);
  const base = await baseOf(context, now);
  const settings = committedSettings(now, base.config.config);
  const changed = await changedSettings(settings, o.changes ?? []);
  const action = (): Promise<Layer | undefined> => writeLayer(context, tree, o);
  const layer = o.pause === false ? await action() : await whileFrozen(context, now, action, o.signal);
  const config = configOf({ base: base.config, settings: changed, command: settings.Cmd ?? [], layer, options: o });
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await writeJson(context, mediaTypes.config, config),
    layers: [...base.manifest.layers.map(asOci), ...(layer === undefined ? [] : [layer.descriptor])],
  };
  const target = await writeJson(context, mediaTypes.manifest, manifest);
  await unpackImage(context, { manifest, config, signal: o.signal });
  await context.store.addImage({ target, names });
  return { id: manifest.config.digest, layer };
}

function imageName(text: string): Reference {
  const name = parseReference(text);
  if (name.digest === undefined) return name;
  throw new EngineError("ERR_ENGINE_OPTION", "refusing to create a tag with a digest reference", { exitCode: 1 });
}

async function baseOf(
  context: Context,
  record: ContainerRecord,
): Promise<{ readonly manifest: Manifest; readonly config: ImageConfig }> {
  return context.store.read(context.store.resolve(record.imageId!));
}

async function changedSettings(settings: ContainerDefaults, changes: readonly string[]): Promise<ContainerDefaults> {
  if (changes.length === 0) return settings;
  const { applyChanges } = await import("./apply-changes.ts");
  return applyChanges(settings, changes);
}

interface Layer {
  readonly diffId: Digest;
  /** Bytes of the archive without its compression. */
  readonly size: number;
  readonly descriptor: Descriptor;
}

/** The changes as a blob, read once: hashed, compressed and written as they come. Undefined when there are none. */
async function writeLayer(context: Context, tree: ChangedTree, o: CommitOptions): Promise<Layer | undefined> {
  const members = changedMembers(tree, o);
  const first = await members.next();
  if (first.done) return undefined;
  const hash = createHash("sha256");
  let size = 0;
  async function* archive(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of writeArchive(startingWith(first.value as ArchiveMember, members))) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const blob = await context.store.writeBlob(
    compress({ source: archive(), format: "gzip" }),
    o.signal && { signal: o.signal },
  );
  const diffId = makeDigest("sha256", hash.digest("hex"));
  return { diffId, size, descriptor: { mediaType: mediaTypes.layerGzip, ...blob } };
}

async function* changedMembers(tree: ChangedTree, o: CommitOptions): AsyncGenerator<ArchiveMember, void> {
  const { upper, stubs } = tree;
  const members = treeMembers({
    directory: upper,
    overlayXattrs: "trusted",
    sourceDateEpoch: o.sourceDateEpoch,
    signal: o.signal,
  });
  for await (const member of members) {
    const name = member.entry.name.replace(/\/$/, "");
    // The root's own entry would be in every layer, and say nothing but when something was written in it.
    if (name === "." ? rootChanged(tree) : !stubs.has(name)) yield member;
  }
}

async function* startingWith<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void> {
  yield first;
  yield* rest;
}

function rootChanged({ upper, lowers }: ChangedTree): boolean {
  const [now, before] = [lstatSync(upper), statSync(lowers[0]!)];
  return now.mode !== before.mode || now.uid !== before.uid || now.gid !== before.gid;
}

function configOf(o: {
  readonly base: ImageConfig;
  readonly settings: ContainerDefaults;
  readonly command: readonly string[];
  readonly layer: Layer | undefined;
  readonly options: CommitOptions;
}): ImageConfig {
  const { author, message, sourceDateEpoch } = o.options;
  const created = new Date(sourceDateEpoch === undefined ? Date.now() : sourceDateEpoch * 1000).toISOString();
  const { author: _author, docker_version: _version, history = [], ...base } = o.base;
  const line: History = {
    created,
    ...(o.command.length === 0 ? {} : { created_by: o.command.join(" ") }),
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
    ...(o.layer === undefined ? { empty_layer: true } : {}),
  };
  return {
    ...base,
    created,
    ...(author === undefined ? {} : { author }),
    config: o.settings,
    rootfs: {
      type: "layers",
      diff_ids: [...base.rootfs.diff_ids, ...(o.layer === undefined ? [] : [o.layer.diffId])],
    },
    history: [...history, line],
  };
}

const ociTypes: Readonly<Record<string, string>> = {
  [mediaTypes.dockerLayer]: mediaTypes.layer,
  [mediaTypes.dockerLayerGzip]: mediaTypes.layerGzip,
  [mediaTypes.dockerLayerZstd]: mediaTypes.layerZstd,
};

/** Docker's name for a layer has no place in a manifest of OCI; the bytes are the same. */
function asOci(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: ociTypes[layer.mediaType] ?? layer.mediaType };
}

async function writeJson(context: Context, mediaType: string, value: object): Promise<Descriptor> {
  return { mediaType, ...(await context.store.writeBlob(new TextEncoder().encode(encodeJson(value)))) };
}
