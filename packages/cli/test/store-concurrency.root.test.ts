// A hundred handles in ten processes pull, tag, remove and prune the same images of one store at once.
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CountedRegistry, countedRegistry } from "./crash/counted-registry.ts";
import { expectClean, expectNothingLeft } from "./crash/sound-store.ts";
import { isExhaustive } from "./crash/spread.ts";
import { notRoot } from "./ctr.ts";
import { addTestImage } from "./test-image.ts";

const [processes, handles, images] = [10, 10, 5];
/** Things that each handle does. */
const rounds = isExhaustive ? 50 : 3;
const user = join(import.meta.dirname, "crash/many-users.ts");

describe.skipIf(notRoot)("100 users of one store at once (needs root)", { timeout: 3_600_000 }, () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "ctr-many-")));
  const root = join(directory, "state");
  const elsewhere = join(directory, "elsewhere");
  let registry: CountedRegistry;
  beforeAll(async () => {
    registry = await countedRegistry(join(directory, "registry"));
    using engine = openEngine({ root: elsewhere });
    for (let at = 0; at < images; at++) await publish(`${registry.host}/image-${at}:1`, at);
    await publish(`${registry.host}/moving:1`, images);

    /** Neighbours share two of their three layers. */
    async function publish(name: string, at: number): Promise<void> {
      const layers = [0, Math.floor(at / 2) + 1, at + 100].map((file) => ({
        [`etc/${file}`]: `${file}\n`.repeat(20_000),
      }));
      await addTestImage(elsewhere, { names: [name], layers });
      for await (const _ of engine.images.push({ reference: name }));
    }
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test("nobody sees a half image, and everything can be removed at the end", async () => {
    let isOver = false;
    const running = Promise.all(
      Array.from({ length: processes }, (_, seed) =>
        execa(process.execPath, [
          ...["--conditions=ctr-source", "--no-warnings", user],
          ...[root, registry.host, seed, handles, rounds, images].map(String),
        ]),
      ),
    ).finally(() => {
      isOver = true;
    });
    const moves = moveTag(() => isOver);
    expect((await running).map(({ stdout }) => stdout)).toEqual(Array(processes).fill("done"));
    expect(await moves).toBeGreaterThan(0);

    {
      using engine = openEngine({ root });
      await expectClean(engine);
      for (let at = 0; at < images; at++)
        for await (const _ of engine.images.pull({ reference: `${registry.host}/image-${at}:1` }));
      await expectClean(engine);
    }
    await expectNothingLeft(root);
  });

  /** The tag `moving` stands for one image after the other. */
  async function moveTag(isOver: () => boolean): Promise<number> {
    using engine = openEngine({ root: elsewhere });
    let moves = 0;
    while (!isOver()) {
      engine.images.tag(`${registry.host}/image-${moves++ % images}:1`, `${registry.host}/moving:1`);
      for await (const _ of engine.images.push({ reference: `${registry.host}/moving:1` }));
    }
    return moves;
  }
});
