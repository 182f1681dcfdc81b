import type { Digest } from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { Removal, StoredImage } from "../stored-image.ts";
import { collect } from "./collect.ts";
import type { Context } from "./context.ts";
import { run } from "./database.ts";
import { listImages, loadImage } from "./images.ts";
import { findImage } from "./resolve.ts";

/**
 * Remove a name, and with the last one the image and what only it used. Layers that a container holds stay.
 *
 * @param o.image  A name takes just that name away; an id takes the image with all its names. A name with a digest
 *   that no tag led to takes the image only when nothing else names it.
 * @param o.force  Also when an id has names in several repositories.
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_AMBIGUOUS`, `ERR_IMAGE_CONFLICT`
 */
export async function removeImage(
  context: Context,
  o: { readonly image: string; readonly force?: boolean },
): Promise<Removal> {
  let untagged: readonly string[] = [];
  let removed: readonly StoredImage[] = [];
  const collected = await collect(context, () => {
    const { image, name } = findImage(context, o.image);
    const isNamed = name !== undefined && (image.names.includes(name) || image.repoDigests.includes(name));
    if (!isNamed && o.force !== true) refuseSharedId(o.image, image);
    untagged = isNamed ? [name] : image.names;
    for (const gone of untagged) {
      run(context.database, "DELETE FROM image_name WHERE name = ?", gone);
      run(context.database, "DELETE FROM image_repo_digest WHERE reference = ?", gone);
    }
    if (loadImage(context, image.target.digest)?.names.length === 0) {
      run(context.database, "DELETE FROM image_target WHERE digest = ?", image.target.digest);
      removed = [image];
    }
  });
  return { untagged, deleted: [...idsOf(removed), ...collected.layers], reclaimed: collected.reclaimed };
}

function refuseSharedId(text: string, image: StoredImage): void {
  const repositories = new Set(image.names.map((name) => name.replace(/(?::[^/]*)?(?:@.*)?$/, "")));
  if (repositories.size > 1)
    throw new ImageStoreError(
      "ERR_IMAGE_CONFLICT",
      `conflict: unable to delete ${text} (must be forced) - image is referenced in multiple repositories`,
    );
}

/**
 * Remove images that nobody needs, then everything that nothing reaches.
 *
 * @param o.images  `dangling`: those without a tag; `all`: named ones as well; `none`: only leftovers.
 * @param o.keep  Spares an image that would go: one that a container was made from, a label, an age.
 */
export async function prune(
  context: Context,
  o: { readonly images?: "none" | "dangling" | "all"; readonly keep?: (image: StoredImage) => boolean } = {},
): Promise<Removal> {
  const which = o.images ?? "dangling";
  let removed: readonly StoredImage[] = [];
  const collected = await collect(context, () => {
    const candidates =
      which === "none" ? [] : listImages(context).filter((image) => which === "all" || isDangling(image));
    removed = candidates.filter((image) => o.keep?.(image) !== true);
    for (const { target, names } of removed) {
      for (const name of names) run(context.database, "DELETE FROM image_name WHERE name = ?", name);
      run(context.database, "DELETE FROM image_target WHERE digest = ?", target.digest);
    }
  });
  const untagged = removed.flatMap(({ names }) => names);
  return { untagged, deleted: [...idsOf(removed), ...collected.layers], reclaimed: collected.reclaimed };
}

/** Without a tag; a digest that it was pulled by does not count, as with Docker. */
export function isDangling(image: StoredImage): boolean {
  return image.names.every((name) => name.includes("@"));
}

function idsOf(images: readonly StoredImage[]): readonly Digest[] {
  return images.flatMap(({ target, variants }) =>
    variants.length === 0 ? [target.digest] : variants.map(({ config }) => config),
  );
}
