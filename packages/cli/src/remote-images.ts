import type { Document, Engine } from "@ctr/engine";
import { type Descriptor, formatPlatform, formatReference, type Platform, parseReference } from "@ctr/oci";
import { harmless } from "./failure.ts";
import { showSize } from "./size.ts";
import { table } from "./table.ts";
import { formatRows } from "./template.ts";

/** Print the tags of a repository, one on a line, as they come. */
export async function showTags(engine: Engine, repository: string): Promise<void> {
  const remote = await engine.images.remote();
  for await (const tag of remote.tags(repository)) process.stdout.write(`${harmless(tag)}\n`);
}

/** Print what refers to an image. */
export async function showReferrers(
  engine: Engine,
  name: string,
  flags: { readonly artifactType?: string; readonly format?: string },
): Promise<void> {
  const remote = await engine.images.remote();
  const rows: { readonly Digest: string; readonly ArtifactType: string; readonly Size: string }[] = [];
  for await (const it of remote.referrers(name, { artifactType: flags.artifactType }))
    rows.push({ Digest: it.digest, ArtifactType: it.artifactType ?? "", Size: showSize(it.size) });
  process.stdout.write(
    flags.format === undefined
      ? table(
          ["DIGEST", "ARTIFACT TYPE", "SIZE"],
          rows.map((row) => [row.Digest, row.ArtifactType, row.Size]),
        )
      : formatRows(flags.format, rows, table),
  );
}

/** Print the manifest or index that a name stands for, byte for byte. */
export async function showRaw(engine: Engine, name: string): Promise<void> {
  const remote = await engine.images.remote();
  const { bytes } = await remote.resolve(name);
  process.stdout.write(bytes);
}

/** An image on its registry in the shape of `image inspect`; sizes are those of the wire. */
export async function inspectRemote(engine: Engine, name: string, platform: Platform | undefined): Promise<Document> {
  const remote = await engine.images.remote();
  const { root, index, descriptor, manifest, config } = await remote.inspect(
    name,
    platform === undefined ? {} : { platform },
  );
  const layers = manifest.layers.map(({ mediaType, digest, size }) => ({
    MediaType: mediaType,
    Digest: digest,
    Size: size,
  }));
  return {
    Id: manifest.config.digest,
    Name: formatReference(parseReference(name)),
    Digest: root.digest,
    MediaType: root.mediaType,
    Manifest: descriptor.digest,
    Platforms: (index?.manifests ?? []).flatMap(platformOf),
    Created: config.created ?? "",
    Author: config.author ?? "",
    Config: config.config ?? {},
    Architecture: config.architecture,
    Os: config.os,
    Size: layers.reduce((sum, layer) => sum + layer.Size, 0),
    Layers: layers,
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
  };
}

/** Attestations are listed under a platform that nothing is. */
const platformOf = ({ platform }: Descriptor): string[] =>
  platform === undefined || platform.os === "unknown" ? [] : [formatPlatform(platform)];
