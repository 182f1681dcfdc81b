import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobMaker, LayerTools } from "../src/index.ts";
import { digestOf } from "./make-image.ts";

/** For the layers of `makeImage`: an archive is a text, unpacked it is the file `content`. */
export const textLayers: LayerTools = {
  async unpack({ archive, directory, diffId }) {
    let text = "";
    for await (const chunk of archive) text += Buffer.from(chunk).toString();
    if (digestOf(text) !== diffId) throw new Error("another diff id");
    await writeFile(join(directory, "content"), text);
  },
  async *compare({ expected, found }) {
    const [one, other] = await Promise.all([expected, found].map((path) => contentOf(path)));
    if (one !== other) yield `content is ${JSON.stringify(other)}`;
  },
  async diffIdOf(directory) {
    return digestOf(await readFile(join(directory, "content"), "utf8"));
  },
};

const contentOf = (directory: string): Promise<string | undefined> =>
  readFile(join(directory, "content"), "utf8").catch(() => undefined);

/** Makes the blobs of `makeImage` again; a first recipe makes other bytes. */
export const textBlobs: BlobMaker = {
  recipes: async () => ["backwards", "as it is"],
  async *make({ directory, recipe }) {
    const bytes = await readFile(join(directory, "content"));
    yield recipe === "backwards" ? bytes.reverse() : bytes;
  },
};
