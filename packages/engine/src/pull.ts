import { thisPlatform } from "@ctr/image-store";
import { type Digest, formatReference, type Platform, parseReference, type Reference } from "@ctr/oci";
import { type PullEvent, pullImage } from "@ctr/registry";
import type { Context } from "./context.ts";
import { Origins } from "./origins.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";
import { Unpacking } from "./unpack.ts";

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
  await using registry = await connect(context, reference, o.signal);
  const abort = new AbortController();
  const signal = o.signal === undefined ? abort.signal : AbortSignal.any([o.signal, abort.signal]);
  let unpacking: Unpacking | undefined;
  const events = pullImage({
    registry,
    repository: reference.path,
    reference: tagOrDigest(reference),
    platform: o.platform ?? thisPlatform(),
    strict: o.platform !== undefined,
    known: knownDigest(context, reference),
    have: (digest) => store.leaseBlob(digest) !== undefined,
    sink: {
      write: async (descriptor, chunks, writing) => {
        const { digest, size } = descriptor;
        const passed = unpacking?.follow(digest, chunks) ?? chunks;
        await store.writeBlob(passed, { expected: { digest, size }, signal: writing });
        unpacking?.stored(digest);
      },
      read: async (digest) => (store.findBlob(digest) === undefined ? undefined : store.readBlob(digest)),
      expect: ({ manifest, config }) => {
        unpacking = new Unpacking(context, { manifest, config, signal });
        unpacking.done.catch((error: unknown) => abort.abort(error));
      },
    },
    signal,
  });
  try {
    for await (const event of events) {
      if (event.kind === "present") unpacking?.stored(event.descriptor.digest);
      if (event.kind === "done") {
        await unpacking?.done;
        await store.addImage({ target: event.root, names: [reference] });
        remember(context, reference, event);
      }
      yield event;
    }
  } finally {
    await unpacking?.abandon(new Error("the pull was given up"));
  }
}

/** Where the blobs can be mounted from, should they be pushed there. */
function remember(context: Context, reference: Reference, pulled: PullEvent & { readonly kind: "done" }): void {
  // Nothing new, nothing to write: a pull that finds the image unchanged stays one request.
  if (pulled.fetchedBytes === 0) return;
  const { config, layers } = pulled.manifest;
  const digests = [config, ...layers].map((it) => it.digest);
  new Origins(context.database).remember({ host: reference.domain, repository: reference.path, digests });
}

/** What the name stands for here, so that an unchanged image costs one request. */
function knownDigest(context: Context, reference: Reference): Digest | undefined {
  const name = formatReference(reference);
  return context.store.list().find((image) => image.names.includes(name))?.target.digest;
}
