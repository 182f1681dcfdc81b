import { type ArchiveMember, type TarEntry, tarEntry } from "@ctr/layers";
import { type ContentKind, type Contents, Random } from "./sample-contents.ts";

/** What a layer of the sample image is made of. */
export interface LayerPlan {
  /** Where its files lie. */
  readonly directory: string;
  readonly seed: number;
  /** Regular files; links, directories and whiteouts come on top. */
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
  /** Shares of the files; what is left is `packed`. */
  readonly text: number;
  readonly binary: number;
  /** Take this many files of the layer before away again. */
  readonly whiteouts?: number;
}

const MB = 1_000_000;

/** 200 MB in 20 000 files: many small ones and a few large ones, as in an image of an application for Node or Python. */
const whole: readonly LayerPlan[] = [
  { directory: "usr/lib", seed: 11, files: 3200, bytes: 70 * MB, text: 0.3, binary: 0.65 },
  { directory: "opt/runtime", seed: 12, files: 2400, bytes: 45 * MB, text: 0.3, binary: 0.65 },
  { directory: "usr/local/lib", seed: 13, files: 5000, bytes: 35 * MB, text: 0.6, binary: 0.38 },
  { directory: "app/node_modules", seed: 14, files: 6000, bytes: 24 * MB, text: 0.95, binary: 0.03 },
  { directory: "app/assets", seed: 15, files: 400, bytes: 14 * MB, text: 0.1, binary: 0 },
  { directory: "app/src", seed: 16, files: 2000, bytes: 8 * MB, text: 0.9, binary: 0.1 },
  { directory: "etc", seed: 17, files: 200, bytes: 1 * MB, text: 1, binary: 0, whiteouts: 20 },
  { directory: "app/dist", seed: 18, files: 800, bytes: 3 * MB, text: 0.8, binary: 0.2 },
];

/** The layers of the sample image, oldest first; `scale` 1 is 200 MB. */
export function samplePlans(scale: number): LayerPlan[] {
  return whole.map((plan) => ({
    ...plan,
    files: Math.ceil(plan.files * scale),
    bytes: Math.ceil(plan.bytes * scale),
    ...(plan.whiteouts === undefined ? {} : { whiteouts: Math.ceil(plan.whiteouts * scale) }),
  }));
}

/** A layer of few large files, and one of many that are smaller. */
export function largePlans(bytes: number): LayerPlan[] {
  const half = Math.floor(bytes / 2);
  return [
    { directory: "data", seed: 21, files: 2, bytes: half, text: 0, binary: 0.5 },
    { directory: "models", seed: 22, files: 60, bytes: half, text: 0.3, binary: 0.4 },
  ];
}

/** The entries of a layer in the order of its archive, directories before what is in them. */
export function* layerMembers(
  plan: LayerPlan,
  before: LayerPlan | undefined,
  contents: Contents,
): Generator<ArchiveMember> {
  const random = new Random(plan.seed);
  const { directories, files } = placeFiles(plan, random);
  const sizes = fileSizes(plan, random);
  for (const name of parentsOf(plan.directory)) yield { entry: stamped({ name, type: "directory" }, random) };
  for (const name of directories) yield { entry: stamped({ name, type: "directory" }, random) };
  for (const [index, name] of files.entries()) {
    const kind = kindOf(plan, random);
    const size = sizes[index]!;
    const mode = kind === "binary" ? 0o755 : 0o644;
    yield {
      entry: stamped({ name, type: "file", mode, size }, random),
      content: contents.slices(kind, size, random),
    };
    if (index % 20 === 7) {
      const link = name.slice(name.lastIndexOf("/") + 1);
      yield { entry: stamped({ name: `${name}.symlink`, type: "symlink", link }, random) };
    }
    if (index % 200 === 9) yield { entry: tarEntry({ name: `${name}.link`, type: "hardlink", link: name }) };
  }
  if (before === undefined || plan.whiteouts === undefined) return;
  for (const name of placeFiles(before, new Random(before.seed)).files.slice(0, plan.whiteouts))
    yield { entry: tarEntry({ name: name.replace(/[^/]*$/, ".wh.$&"), type: "file" }) };
}

/** About twelve files in a directory, some directories deeper than others. */
function placeFiles(plan: LayerPlan, random: Random): { directories: string[]; files: string[] } {
  const directories: string[] = [];
  for (let left = Math.ceil(plan.files / 12); left > 0; left--) {
    const parent = directories[random.below(directories.length * 3)] ?? plan.directory;
    const depth = parent.split("/").length;
    directories.push(`${depth > 7 ? plan.directory : parent}/${madeUpName(random)}-${left}`);
  }
  directories.sort();
  const files = Array.from({ length: plan.files }, (_, index) => {
    const directory = directories[Math.floor((index * directories.length) / plan.files)]!;
    return `${directory}/${madeUpName(random)}-${index}${extensions[random.below(extensions.length)]}`;
  });
  return { directories, files };
}

const syllables = ["ka", "lo", "mi", "ne", "ro", "su", "ta", "vi", "wer", "zen", "pack", "util", "node", "lib"];
const extensions = [".js", ".py", ".so", ".json", ".txt", ""];

function madeUpName(random: Random): string {
  return Array.from({ length: 2 + random.below(3) }, () => syllables[random.below(syllables.length)]).join("");
}

/** Log-normal, as file sizes are: half of the files have a quarter of the mean or less. */
function fileSizes(plan: LayerPlan, random: Random): number[] {
  const weights = Array.from({ length: plan.files }, () => 2 ** (2.4 * random.normal()));
  const unit = plan.bytes / weights.reduce((sum, weight) => sum + weight, 0);
  const sizes = weights.map((weight) => Math.floor(weight * unit));
  sizes[sizes.length - 1]! += plan.bytes - sizes.reduce((sum, size) => sum + size, 0);
  return sizes;
}

function kindOf({ text, binary }: LayerPlan, random: Random): ContentKind {
  const draw = random.next();
  if (draw < text) return "text";
  return draw < text + binary ? "binary" : "packed";
}

function parentsOf(directory: string): string[] {
  const parts = directory.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

const epoch = 1_600_000_000;

function stamped(what: Parameters<typeof tarEntry>[0], random: Random): TarEntry {
  return tarEntry({ ...what, mtime: BigInt(epoch + random.below(50_000_000)) * 1_000_000_000n });
}
