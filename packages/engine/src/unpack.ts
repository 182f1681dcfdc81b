import { createHash } from "node:crypto";
import { applyLayer } from "@ctr/layers";
import { chainIds, type ImageConfig, type Manifest } from "@ctr/oci";
import { lowerDirectories } from "@ctr/overlayfs";
import type { Context } from "./context.ts";
import { overlayRoot } from "./create.ts";

/**
 * Unpack the layers of an image whose blobs are in the store. What is unpacked already stays as it is.
 *
 * @throws {LayerError} {ImageStoreError}
 */
export async function unpackImage(
  context: Context,
  o: { readonly manifest: Manifest; readonly config: ImageConfig; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { manifest, config, signal } = o;
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
