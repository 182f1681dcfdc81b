import { writeArchive } from "@ctr/layers";
import type { ContainerRecord } from "./container-record.ts";
import { openContainerTree } from "./container-tree.ts";
import type { Context } from "./context.ts";
import { Place } from "./copy-place.ts";
import { placeMembers } from "./place-members.ts";

/**
 * A container's whole file system as a tar archive: its image's files with its own changes, without volumes and
 * without what the kernel shows in it. Read as it is asked for; a running container goes on meanwhile, so some
 * files may be old and some new.
 *
 * @throws {LayerError} `ERR_LAYERS_SOURCE` for what cannot be read; {EngineError} {KernelError}
 */
export async function* exportContainer(
  context: Context,
  record: ContainerRecord,
  o: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  using tree = await openContainerTree(context, record, { volumes: false });
  yield* writeArchive(placeMembers(new Place(tree.fd, ""), { name: undefined, signal: o.signal }));
}
