import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { thisPlatform } from "@ctr/image-store";
import { applyLayer } from "@ctr/layers";
import {
  chainIds,
  type Digest,
  formatReference,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseReference,
  type Reference,
} from "@ctr/oci";
import { lowerDirectories } from "@ctr/overlayfs";
import {
  credentialsFromConfig,
  openRegistry,
  type PullEvent,
  type PushEvent,
  pullImage,
  pushImage,
  type Registry,
} from "@ctr/registry";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";
import { credentialFile } from "./credential-file.ts";

export interface PullRequest {
  readonly reference: string;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

export interface PushRequest {
  /** A name in the store that is also the place to push to. */
  readonly reference: string;
  readonly signal?: AbortSignal;
}

function connect(reference: Reference): Registry {
  return openRegistry({
    host: reference.domain,
    credentials: credentialsFromConfig(credentialFile()),
    proxy: process.env,
  });
}

const nameOf = (reference: Reference): string => reference.digest ?? reference.tag ?? "latest";

/**
 * Pull an image: its blobs into the store, its layers unpacked. What is there already is not fetched or
 * unpacked again. The image has its name once all of it is there.
 *
 * @throws {RegistryError} {LayerError} {ImageStoreError}; the store lists what it listed before
 */
export async function* pull(context: Context, o: PullRequest): AsyncGenerator<PullEvent, void, undefined> {
  const reference = parseReference(o.reference);
  const { store } = context;
  await using registry = connect(reference);
  const events = pullImage({
    registry,
    repository: reference.path,
    reference: nameOf(reference),
    platform: o.platform ?? thisPlatform(),
    known: knownDigest(context, reference),
    have: (digest) => store.findBlob(digest) !== undefined,
    sink: {
      write: async (descriptor, chunks, signal) => {
        await store.writeBlob(chunks, { expected: { digest: descriptor.digest, size: descriptor.size }, signal });
      },
      read: async (digest) => (store.findBlob(digest) === undefined ? undefined : store.readBlob(digest)),
    },
    signal: o.signal,
  });
  for await (const event of events) {
    if (event.kind === "done") {
      await unpack(context, event.manifest, event.config, o.signal);
      await store.addImage({ target: event.root, names: [reference] });
    }
    yield event;
  }
}

/** What the name stands for here, so that an unchanged image costs one request. */
function knownDigest(context: Context, reference: Reference): Digest | undefined {
  const name = formatReference(reference);
  return context.store.list().find((image) => image.names.includes(name))?.target.digest;
}

async function unpack(
  context: Context,
  manifest: Manifest,
  config: ImageConfig,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { store } = context;
  const diffIds = config.rootfs.diff_ids;
  const chains = chainIds(diffIds, (text) => createHash("sha256").update(text).digest("hex"));
  for (const [index, chainId] of chains.entries()) {
    const parentChainId = chains[index - 1];
    const lowers =
      parentChainId === undefined ? [] : lowerDirectories(overlayRoot(context), store.overlayParents(parentChainId));
    await store.addLayer({
      chainId,
      ...(parentChainId === undefined ? {} : { parentChainId }),
      diffId: diffIds[index]!,
      fill: async (directory) => {
        await applyLayer({
          archive: store.readBlobStream(manifest.layers[index]!.digest),
          directory,
          lowers,
          expectedDiffId: diffIds[index]!,
          ...(signal === undefined ? {} : { signal }),
        });
      },
    });
  }
}

/**
 * Push an image under one of its names. What the registry has is not sent again.
 *
 * @throws {RegistryError} {ImageStoreError} `ERR_IMAGE_NOT_FOUND`
 */
export async function* push(context: Context, o: PushRequest): AsyncGenerator<PushEvent, void, undefined> {
  const reference = parseReference(o.reference);
  const { store } = context;
  const { target } = store.find(o.reference);
  await using registry = connect(reference);
  yield* pushImage({
    registry,
    repository: reference.path,
    reference: nameOf(reference),
    root: target,
    source: { open: ({ digest }, start) => createReadStream(store.blobPath(digest), { start }) },
    signal: o.signal,
  });
}
