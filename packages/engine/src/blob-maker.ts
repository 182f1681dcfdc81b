import type { BlobMaker } from "@ctr/image-store";

/** Makes the blobs of layers again that this engine has made from directories. Loaded by whoever needs it. */
export const blobMaker: BlobMaker = {
  async recipes() {
    const { recipes } = await import("./packing.ts");
    return [...recipes.keys()];
  },
  async *make({ directory, recipe }) {
    const { pack } = await import("./packing.ts");
    yield* pack(directory, recipe);
  },
};
