// Runs the hostile corpus through one command's way into the engine, and says what came of each archive, as JSON.
// A process of its own: the test starts it where nothing but its first argument can be written.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Engine, openEngine } from "@ctr/engine";
import { openStore } from "@ctr/image-store";
import { tarEntry, writeArchive } from "@ctr/layers";
import {
  Canary,
  checkHostileArchive,
  type HostileArchive,
  hostileArchives,
  mergeTrees,
  type Tree,
  treeOf,
} from "@ctr/layers/testing";

type Way = "load" | "import" | "add" | "cp";
const [, , top, way] = process.argv as unknown as [string, string, string, Way];
const root = join(top, "state");
const canary = new Canary(join(top, "canary"));
const context = join(top, "context");
mkdirSync(context);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What `docker save` would write of an image with these layers. */
function savedImage(layers: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  const diffIds = layers.map((layer) => `sha256:${createHash("sha256").update(plain(layer)).digest("hex")}`);
  const rootfs = { type: "layers", diff_ids: diffIds };
  const config = Buffer.from(JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs }));
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const manifest = Buffer.from(JSON.stringify([{ Config: "config.json", RepoTags: ["hostile:1"], Layers: names }]));
  const files = [
    ["manifest.json", manifest],
    ["config.json", config],
    ...names.map((name, i) => [name, layers[i]!]),
  ] as [string, Uint8Array][];
  return writeArchive(
    files.map(([name, bytes]) => ({ entry: tarEntry({ name, type: "file", size: bytes.length }), content: [bytes] })),
  );
}

function plain(layer: Uint8Array): Uint8Array {
  if (layer[0] !== 0x1f || layer[1] !== 0x8b) return layer;
  try {
    return gunzipSync(layer);
  } catch {
    return layer; // cut short: it has no diff id
  }
}

/** What a container of the image would see, and that the layers' directories say so. */
function imageTree(image: string): Tree {
  using store = openStore({ root });
  const { chainId } = store.resolve(image).variant;
  const directories = chainId === undefined ? [] : store.overlayParents(chainId);
  return mergeTrees(directories.toReversed().map((cacheId) => treeOf(join(root, "overlay2", cacheId, "diff"))));
}

async function removeImages(engine: Engine): Promise<void> {
  for (const { id } of await engine.images.list()) await engine.images.remove(id, { force: true });
}

const ways: Readonly<Record<Way, (engine: Engine, layers: readonly Uint8Array[]) => Promise<Tree>>> = {
  load: async (engine, layers) => {
    for await (const _ of engine.images.load({ archive: savedImage(layers) }));
    return imageTree("hostile:1");
  },
  import: async (engine, layers) => {
    await engine.images.import({ archive: once(layers.at(-1)!), name: "hostile:1" });
    return imageTree("hostile:1");
  },
  add: async (engine, layers) => {
    for (const [index, layer] of layers.entries()) writeFileSync(join(context, `${index}.tar`), layer);
    const text = `FROM scratch\n${layers.map((_, index) => `ADD ${index}.tar /\n`).join("")}`;
    for await (const _ of engine.build({ context, text, tags: ["hostile:1"], noCache: true }));
    return imageTree("hostile:1");
  },
  cp: async (engine, layers) => {
    for (const layer of layers) await engine.containers.unpackIn("target", { to: "/", archive: once(layer) });
    return {};
  },
};

// Whoever refuses says so in an error of his own; anything else is a crash.
const refusals = /^(?:Layer|ImageArchive|ImageStore|Engine|Builder|Oci)Error$/;
const isRefusal = (error: unknown): boolean => error instanceof Error && refusals.test(error.name);

/** ADD and cp unpack into a tree that is there: whiteouts have no meaning in it, and what is no archive is a file. */
function expected({ name, layers, expect }: HostileArchive): Tree | "refused" | "safe" {
  if (expect === "refused") return way === "load" || way === "import" ? "refused" : "safe";
  if (way === "load") return mergeTrees(expect);
  if (way === "import") return mergeTrees(expect.slice(-1));
  const isFile = layers[0]!.subarray(0, 512).every((byte) => byte === 0);
  return way === "cp" || layers.length > 1 || isFile || /^(?:whiteout|opaque mark)/.test(name) ? "safe" : expect[0]!;
}

const failures: string[] = [];
const counts = { refused: 0, taken: 0 };
using engine = openEngine({ root });
if (way === "cp") {
  await engine.images.import({ archive: writeArchive([]), name: "empty" });
  await engine.containers.create({ image: "empty", command: ["none"], name: "target", network: "none" });
}
for (const archive of hostileArchives(canary.directory)) {
  const isTwo = archive.layers.length > 1;
  if (isTwo && way === "import") continue; // one layer is all it takes
  if (isTwo && way === "add" && !archive.name.includes("link")) continue; // a build takes its time
  try {
    const take = (): Promise<Tree> => ways[way](engine, archive.layers);
    counts[await checkHostileArchive(archive, { canary, take, isRefusal, expected: expected(archive) })]++;
  } catch (error) {
    failures.push((error as Error).message);
  }
  if (way !== "cp") await removeImages(engine);
  for (const name of readdirSync(context)) rmSync(join(context, name));
  const left = readdirSync(top).sort().join(" ");
  if (left !== "canary context state") failures.push(`${archive.name}: left ${left}`);
}
console.log(JSON.stringify({ ...counts, failures, peakBytes: process.resourceUsage().maxRSS * 1024 }));
