import { compress, compressionRecipes, diffLayer } from "@ctr/layers";

const { name, level: usual, library } = compressionRecipes.gzip;

/** Builds and commits pack a layer at the usual level, images out of this machine's programs at the fastest. */
export const recipes: ReadonlyMap<string, number> = new Map(
  [usual, 1].map((level) => [`${name} level ${level} zlib ${library}`, level]),
);

/** A layer's directory as its blob. A recipe of another version is tried with what there is: the digest tells. */
export function pack(directory: string, recipe: string): AsyncGenerator<Uint8Array, void> {
  const level = recipes.get(recipe) ?? Number(/ level ([1-9]) /.exec(recipe)?.[1] ?? usual);
  return compress({ source: diffLayer({ upper: directory }), format: "gzip", level });
}
