import { createReadStream } from "node:fs";
import { parseReference } from "@ctr/oci";
import { type PushEvent, pushImage } from "@ctr/registry";
import type { Context } from "./context.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";

export interface PushRequest {
  /** A name in the store that is also the place to push to. */
  readonly reference: string;
  readonly signal?: AbortSignal;
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
    reference: tagOrDigest(reference),
    root: target,
    source: { open: ({ digest }, start) => createReadStream(store.blobPath(digest), { start }) },
    signal: o.signal,
  });
}
