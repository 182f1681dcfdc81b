import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { digestHex } from "@ctr/oci";
import { expect, test } from "vitest";
import { type Checked, type CheckOptions, type Finding, type ImageStore, openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { digestOf, makeImage, unpack } from "./make-image.ts";
import { temporaryDirectory } from "./temporary-store.ts";
import { textLayers } from "./text-layers.ts";

async function findings(store: ImageStore, o: CheckOptions = {}): Promise<Finding[]> {
  return Array.fromAsync(store.check({ layers: textLayers, ...o }));
}

async function checked(store: ImageStore): Promise<Checked> {
  const all = store.check({ layers: textLayers });
  for (;;) {
    const next = await all.next();
    if (next.done) return next.value;
    expect(next.value).toBeUndefined();
  }
}

/** A sound store with an image of three layers, whose directories are given oldest first. */
async function soundStore(root = temporaryDirectory()) {
  const store = openStore({ root });
  const made = await makeImage(store, { layers: ["a", "b", "c"] });
  await store.addImage({ target: made.target, names: ["image"] });
  const caches = store.overlayParents(made.chain[2]!).toReversed();
  const inLayer = (index: number, ...path: string[]): string => join(root, "overlay2", caches[index]!, ...path);
  const link = (index: number): string => readFileSync(inLayer(index, "link"), "utf8");
  return { root, store, made, caches, inLayer, link };
}

type Sound = Awaited<ReturnType<typeof soundStore>>;

const full = "f".repeat(64);
const cases: readonly {
  readonly damage: string;
  readonly by: (sound: Sound) => void;
  readonly finds: RegExp;
  readonly quick: boolean;
  readonly why: string;
}[] = [
  {
    damage: "a flipped byte in a layer's file",
    by: ({ inLayer }) => writeFileSync(inLayer(1, "diff/content"), "B"),
    finds: /^layer .*content is "B".*unpacked again$/,
    quick: false,
    why: "what a container would see is not what was pulled",
  },
  {
    damage: "a layer's directory is gone",
    by: ({ inLayer }) => rmSync(inLayer(0), { recursive: true }),
    finds: /^layer .*directory is missing.*unpacked again$/,
    quick: true,
    why: "no mount with it",
  },
  {
    damage: "a layer's diff is gone",
    by: ({ inLayer }) => rmSync(inLayer(2, "diff"), { recursive: true }),
    finds: /^layer .*directory is missing.*unpacked again$/,
    quick: true,
    why: "the rest of the directory is of no use",
  },
  {
    damage: "link is gone",
    by: ({ inLayer }) => rmSync(inLayer(0, "link")),
    finds: /^layer .*link holds no short name.*written again$/,
    quick: true,
    why: "mounts are made by it",
  },
  {
    damage: "the short name leads elsewhere",
    by: ({ root, link }) => {
      rmSync(join(root, "overlay2/l", link(1)));
      symlinkSync("/", join(root, "overlay2/l", link(1)));
    },
    finds: /^layer .*does not lead to it.*written again$/,
    quick: true,
    why: "a container would get the whole machine",
  },
  {
    damage: "lower names the layers in another order",
    by: ({ inLayer, link }) => writeFileSync(inLayer(2, "lower"), `l/${link(0)}:l/${link(1)}`),
    finds: /^layer .*lower does not name.*written again$/,
    quick: true,
    why: "Docker's own tools read it",
  },
  {
    damage: "a lower where there is nothing below",
    by: ({ inLayer, link }) => writeFileSync(inLayer(0, "lower"), `l/${link(1)}`),
    finds: /^layer .*lower does not name.*written again$/,
    quick: true,
    why: "a circle",
  },
  {
    damage: "a blob nobody recorded",
    by: ({ root }) => writeFileSync(join(root, "images/blobs/sha256", full), "x"),
    finds: /^file images.blobs.*no record.*removed$/,
    quick: true,
    why: "what a crash leaves",
  },
  {
    damage: "a layer nobody recorded",
    by: ({ root }) => mkdirSync(join(root, "overlay2", full, "diff"), { recursive: true }),
    finds: /^file overlay2.*no record.*removed$/,
    quick: true,
    why: "what a crash leaves",
  },
  {
    damage: "a short name of nothing",
    by: ({ root }) => symlinkSync(`../${full}/diff`, join(root, "overlay2/l", "A".repeat(26))),
    finds: /^file overlay2.l.*leads to no layer.*removed$/,
    quick: true,
    why: "what a crash leaves",
  },
  {
    damage: "a second short name of a layer",
    by: ({ root, caches }) => symlinkSync(`../${caches[0]}/diff`, join(root, "overlay2/l", "A".repeat(26))),
    finds: /^file overlay2.l.*leads to no layer.*removed$/,
    quick: true,
    why: "nobody would ever remove it",
  },
  {
    damage: "index.json of another day",
    by: ({ root }) => writeFileSync(join(root, "images/index.json"), "{}"),
    finds: /^file images.index.json.*written again$/,
    quick: true,
    why: "other tools read it",
  },
  {
    damage: "a hold on a layer that is not there",
    by: ({ root }) => {
      using database = new DatabaseSync(join(root, "ctr.db"));
      database.exec(`INSERT INTO image_hold VALUES ('somebody', 'sha256:${full}')`);
    },
    finds: /^record somebody.*not there.*removed$/,
    quick: true,
    why: "it says nothing",
  },
  {
    damage: "a name of no image",
    by: ({ root }) => {
      using database = new DatabaseSync(join(root, "ctr.db"));
      database.exec(`INSERT INTO image_name VALUES ('docker.io/library/x:1', 'sha256:${full}')`);
    },
    finds: /^record docker.io.*means no image.*removed$/,
    quick: true,
    why: "it says nothing",
  },
];

for (const { damage, by, finds, quick, why } of cases)
  test(`${damage} (${why}): found, left alone, repaired`, async () => {
    const sound = await soundStore();
    const { store, made } = sound;
    expect(await findings(store)).toEqual([]);
    by(sound);
    if (quick) expect(await findings(store, { quick: true })).not.toEqual([]);
    const before = JSON.stringify(filesOf(store.root));
    const found = await findings(store);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every(({ repaired }) => repaired === undefined)).toBe(true);
    expect(JSON.stringify(filesOf(store.root))).toBe(before);

    const repaired = await findings(store, { repair: true });
    expect(
      repaired.map(({ about, subject, problem, repaired }) => `${about} ${subject} ${problem} ${repaired}`),
    ).toEqual(repaired.map(() => expect.stringMatching(finds)));
    expect(await findings(store)).toEqual([]);
    expect(await store.read(store.resolve("image"))).toBeDefined();
    expectContents(store, made.chain[2]!, ["c", "b", "a"]);
    store.close();
  });

function expectContents(store: ImageStore, chainId: ReturnType<typeof digestOf>, contents: readonly string[]): void {
  const overlay = join(store.root, "overlay2");
  const caches = store.overlayParents(chainId);
  expect(caches.map((id) => readFileSync(join(overlay, id, "diff/content"), "utf8"))).toEqual(contents);
  for (const id of caches)
    expect(readlinkSync(join(overlay, "l", readFileSync(join(overlay, id, "link"), "utf8")))).toBe(`../${id}/diff`);
}

test("a sound store: what was looked at is counted", async () => {
  const { store } = await soundStore();
  expect(await checked(store)).toEqual({ blobs: 5, layers: 3, images: 1, unverified: [] });
  store.close();
});

test("a damaged blob of a layer goes; the image runs on, and a new write heals it", async () => {
  const { store, made } = await soundStore();
  const { digest } = made.layers[1]!;
  writeFileSync(store.blobPath(digest), "B");
  expect(await findings(store, { quick: true })).toEqual([]); // the size is right
  expect(await findings(store)).toMatchObject(
    [{ about: "blob", subject: digest, problem: /bytes have digest/ }].map((it) => ({
      ...it,
      problem: expect.stringMatching(it.problem),
    })),
  );
  expect(await findings(store, { repair: true })).toMatchObject([{ repaired: expect.stringMatching(/pull/) }]);
  expect(store.findBlob(digest)).toBeUndefined();
  expect(filesOf(store.root).blobs).not.toContain(digest);
  expect(await findings(store)).toEqual([]);
  expectContents(store, made.chain[2]!, ["c", "b", "a"]);
  await store.writeBlob(Buffer.from("b"));
  expect(await findings(store)).toEqual([]);
  store.close();
});

test("a missing config: the image is named as incomplete, and whole again after it is written", async () => {
  const { store, made } = await soundStore();
  const bytes = readFileSync(store.blobPath(made.config));
  rmSync(store.blobPath(made.config));
  const all = await findings(store, { repair: true });
  expect(all.map(({ about }) => about)).toEqual(["blob", "image"]);
  expect(all[1]!.problem).toMatch(/incomplete.*pull it again/);
  expect(await findings(store)).toMatchObject([{ about: "image" }]);
  expect(store.list()[0]!.names).toEqual(["docker.io/library/image:latest"]);
  await store.writeBlob(bytes);
  expect(await findings(store)).toEqual([]);
  store.close();
});

test("a layer without its archive: sound while it makes its own again, else not compared; gone, it goes", async () => {
  const { store, made, inLayer } = await soundStore();
  await unpack(store, ["x"]);
  expect(await checked(store)).toMatchObject({ layers: 4, unverified: [] });
  const [only] = store.overlayParents(digestOf("x"));
  writeFileSync(join(store.root, "overlay2", only!, "diff/content"), "y");
  expect(await checked(store)).toMatchObject({ layers: 4, unverified: [digestOf("x")] });

  for (const { digest } of made.layers) rmSync(store.blobPath(digest));
  await findings(store, { repair: true });
  rmSync(inLayer(1, "diff"), { recursive: true });
  const all = await findings(store, { repair: true });
  expect(all).toMatchObject([
    { about: "layer", subject: made.chain[1], repaired: expect.stringMatching(/off the records/) },
    { about: "image", problem: expect.stringMatching(/incomplete.*pull it again/) },
  ]);
  expect(store.findLayer(made.chain[0]!)).toBeDefined();
  expect(store.findLayer(made.chain[2]!)).toBeUndefined();
  store.close();
});

test("a layer that a running container sees is not exchanged; of one that does not run it is", async () => {
  const { store, made, inLayer } = await soundStore();
  const id = "c".repeat(64);
  store.hold({ chainId: made.chain[2]!, holder: id });
  mkdirSync(join(store.root, "overlay2", id, "diff"), { recursive: true });
  writeFileSync(inLayer(0, "diff/content"), "A");
  const container = (isRunning: boolean) => ({ containers: () => [{ id, chainId: made.chain[2], isRunning }] });
  const running = await findings(store, { repair: true, ...container(true) });
  expect(running[0]).toMatchObject({ about: "layer", problem: expect.stringMatching(/content is "A"; .*runs on it/) });
  expect(running[0]).not.toHaveProperty("repaired");
  expect(readFileSync(inLayer(0, "diff/content"), "utf8")).toBe("A");
  const stopped = await findings(store, { repair: true, ...container(false) });
  expect(stopped[0]).toMatchObject({ about: "layer", repaired: "unpacked again" });
  expect(await findings(store, container(false))).toEqual([]);
  const gone = await findings(store, { repair: true, containers: () => [] });
  expect(gone.map(({ about }) => about).sort()).toEqual(["file", "file", "record"]);
  store.close();
});

test("what is not named as the store names its own is told of, and left", async () => {
  const { root, store } = await soundStore();
  const foreign = ["overlay2/mine", "overlay2/l/mine", "images/blobs/sha256/mine"];
  for (const path of foreign) mkdirSync(join(root, path));
  const all = await findings(store, { repair: true });
  expect(all.map(({ subject }) => subject).sort()).toEqual(foreign.toSorted());
  expect(all.every(({ repaired }) => repaired === undefined)).toBe(true);
  expect(foreign.map((path) => readdirSync(join(root, path)))).toEqual([[], [], []]);
  store.close();
});

test("another process's blob on its way is no stray", async () => {
  const { root, store } = await soundStore();
  using other = openStore({ root });
  await other.writeBlob(Buffer.from("not yet an image"));
  const { promise: written, resolve: end } = Promise.withResolvers<void>();
  const adding = other.addLayer({ chainId: digestOf("z"), diffId: digestOf("z"), fill: () => written });
  expect(await findings(store)).toEqual([]);
  expect(await findings(store, { repair: true })).toEqual([]);
  end();
  expect(await adding).toMatchObject({ diffId: digestOf("z") });
  expect(filesOf(root).blobs).toContain(`sha256:${digestHex(digestOf("not yet an image"))}`);
  store.close();
});
