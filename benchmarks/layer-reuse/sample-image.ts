import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Descriptor, encodeJson, type ImageConfig, type Manifest, makeDigest, mediaTypes } from "@ctr/oci";
import { writeDockerArchive } from "./sample-archive.ts";
import { Contents } from "./sample-contents.ts";
import { blobPath, type SampleLayer, writeLayer } from "./sample-layer.ts";
import { type LayerPlan, largePlans, layerMembers, samplePlans } from "./sample-layers.ts";

export interface SampleImage {
  readonly repository: string;
  readonly tag: string;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly configPath: string;
  readonly layers: readonly SampleLayer[];
}

/** Two images that have all layers but the last in common. */
export interface Samples {
  /** An OCI layout that a registry serves. */
  readonly layout: string;
  readonly first: SampleImage;
  readonly second: SampleImage;
  /** The first one, as `docker save` writes it. */
  readonly archive: string;
}

const repository = "bench/image";

/** Make both images below `directory`. @param scale  1 is 200 MB in 20 000 files */
export async function makeSamples(directory: string, scale: number): Promise<Samples> {
  const plans = samplePlans(scale);
  const other: LayerPlan = { ...plans.at(-1)!, seed: 99 };
  // 6 is what gzip and the builders of images take when nobody says otherwise.
  const { layout, layers } = await makeLayers(directory, [...plans, other], 6);
  const shared = layers.slice(0, plans.length - 1);
  const first = writeImage(layout, "1", [...shared, layers[plans.length - 1]!]);
  const second = writeImage(layout, "2", [...shared, layers[plans.length]!]);
  writeLayout(layout, [first, second]);
  const archive = join(directory, "archive.tar");
  await writeDockerArchive(first, archive);
  return { layout, first, second, archive };
}

export interface LargeSample {
  readonly layout: string;
  readonly image: SampleImage;
}

/** An image of few and large files; its archives are not kept. @param bytes  unpacked */
export async function makeLargeSample(directory: string, bytes: number): Promise<LargeSample> {
  const { layout, layers } = await makeLayers(directory, largePlans(bytes), 1);
  const image = writeImage(layout, "large", layers);
  writeLayout(layout, [image]);
  for (const { plain } of layers) rmSync(plain);
  return { layout, image };
}

async function makeLayers(
  directory: string,
  plans: readonly LayerPlan[],
  level: number,
): Promise<{ layout: string; layers: SampleLayer[] }> {
  const layout = join(directory, "layout");
  const plain = join(directory, "plain");
  for (const path of [join(layout, "blobs/sha256"), plain]) mkdirSync(path, { recursive: true });
  const contents = new Contents();
  const jobs = plans.map((plan, index) => async (): Promise<SampleLayer> => {
    const members = layerMembers(plan, plans[index - 1], contents);
    return writeLayer({ layout, plain: join(plain, `${index}.tar`), members, level });
  });
  return { layout, layers: await twoAtATime(jobs) };
}

async function twoAtATime<T>(jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  const waiting = [...jobs.entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await next[1]();
  };
  await Promise.all([lane(), lane()]);
  return results;
}

function writeImage(layout: string, tag: string, layers: readonly SampleLayer[]): SampleImage {
  const created = "2024-01-01T00:00:00Z";
  const config: ImageConfig = {
    created,
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/app/dist/start"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created, created_by: `layer ${index + 1} of image ${tag}` })),
  };
  const configBlob = writeDocument(layout, mediaTypes.config, encodeJson(config));
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: configBlob,
    layers: layers.map(({ descriptor }) => descriptor),
  };
  return {
    repository,
    tag,
    manifest: writeDocument(layout, mediaTypes.manifest, encodeJson(manifest)),
    config: configBlob,
    configPath: blobPath(layout, configBlob.digest),
    layers,
  };
}

function writeDocument(layout: string, mediaType: string, text: string): Descriptor {
  const digest = makeDigest("sha256", createHash("sha256").update(text).digest("hex"));
  writeFileSync(blobPath(layout, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

function writeLayout(layout: string, images: readonly SampleImage[]): void {
  const manifests = images.map(({ repository, tag, manifest }) => ({
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": `${repository}:${tag}` },
  }));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(layout, "index.json"), encodeJson({ schemaVersion: 2, manifests }));
}
