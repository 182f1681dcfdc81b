// Run by store-concurrency.root.test.ts: several handles of one process pull, tag, remove and prune at once.
// Prints a line for each thing that went wrong and is not just somebody else's doing, and "done" at the end.
import { openEngine } from "@ctr/engine";
import { openStore } from "@ctr/image-store";
import { seeded } from "../seeded.ts";

const [root = "", host = "", seed = "0", handles = "0", rounds = "0", images = "0"] = process.argv.slice(2);

/** Somebody else took the name or the image away in between. */
const allowed = ["ERR_IMAGE_NOT_FOUND"];

async function use(random: () => number): Promise<void> {
  using engine = openEngine({ root });
  const any = (): string => `${host}/image-${Math.floor(random() * Number(images))}:1`;
  const verbs: readonly (() => Promise<unknown> | unknown)[] = [
    () => pull(any()),
    () => pull(any()),
    () => pull(`${host}/moving:1`),
    () => engine.images.remove(any()),
    () => engine.images.remove(`${host}/moving:1`),
    () => engine.images.tag(any(), `again-${Math.floor(random() * 3)}:1`),
    () => engine.images.remove(`again-${Math.floor(random() * 3)}:1`),
    () => engine.images.prune(),
    () => engine.images.prune({ all: true }),
    () => engine.housekeeping(),
    () => listedAreWhole(),
  ];
  const pull = async (reference: string): Promise<void> => {
    for await (const _ of engine.images.pull({ reference }));
  };
  for (let round = 0; round < Number(rounds); round++) {
    const verb = verbs[Math.floor(random() * verbs.length)]!;
    try {
      await verb();
    } catch (error) {
      if (!allowed.includes((error as { code?: string }).code ?? "")) console.log(`${verb}: ${(error as Error).stack}`);
    }
  }
}

/** What is listed can be read to the last byte, unless it was removed meanwhile. */
async function listedAreWhole(): Promise<void> {
  using store = openStore({ root });
  for (const image of store.list())
    for (const variant of image.variants)
      try {
        const { manifest } = await store.read({ image, variant });
        for (const { digest } of manifest.layers) for await (const _ of store.readBlobStream(digest));
        if (store.layerChain(variant.chainId!).length !== manifest.layers.length) throw new Error("a layer is missing");
      } catch (error) {
        // Both looks are at the committed state, so what is still listed must have been whole in between.
        if (store.list().some((it) => it.target.digest === image.target.digest && it.addedAt === image.addedAt))
          throw error;
      }
}

await Promise.all(Array.from({ length: Number(handles) }, (_, at) => use(seeded(1000 * Number(seed) + at))));
console.log("done");
