import { createReadStream, createWriteStream, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type ArchiveMember, tarEntry, writeArchive } from "@ctr/layers";
import { encodeJson } from "@ctr/oci";
import type { SampleImage } from "./sample-image.ts";

/** Write an image as `docker save` did when every tool learnt to read it: layers not packed, manifest.json at the end. */
export async function writeDockerArchive(image: SampleImage, file: string): Promise<void> {
  await pipeline(writeArchive(members(image)), createWriteStream(file));
}

/** Where a layer lies in the archive. */
export const layerName = (index: number): string => `${index}/layer.tar`;

function* members(image: SampleImage): Generator<ArchiveMember> {
  const config = `${image.config.digest.slice("sha256:".length)}.json`;
  yield member(config, image.configPath);
  for (const [index, { plain }] of image.layers.entries()) {
    yield { entry: tarEntry({ name: `${index}`, type: "directory" }) };
    yield member(layerName(index), plain);
  }
  const Layers = image.layers.map((_, index) => layerName(index));
  const manifest = Buffer.from(
    encodeJson([{ Config: config, RepoTags: [`${image.repository}:${image.tag}`], Layers }]),
  );
  yield { entry: tarEntry({ name: "manifest.json", type: "file", size: manifest.length }), content: [manifest] };
}

function member(name: string, path: string): ArchiveMember {
  return {
    entry: tarEntry({ name, type: "file", size: statSync(path).size }),
    content: createReadStream(path, { highWaterMark: 1 << 18 }),
  };
}
