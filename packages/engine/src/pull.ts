import { thisPlatform } from "@ctr/image-store";
import { type Digest, formatReference, type Platform, parseReference, type Reference } from "@ctr/oci";
import { type PullEvent, pullImage } from "@ctr/registry";
import type { Context } from "./context.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";
import { unpackImage } from "./unpack.ts";

export interface PullRequest {
  readonly reference: string;
  /** Default: this machine's. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

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
    reference: tagOrDigest(reference),
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
      await unpackImage(context, { manifest: event.manifest, config: event.config, signal: o.signal });
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
