import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type ArchiveMember, writeArchive } from "@ctr/layers";
import { type ContainerDefaults, type Digest, type ImageConfig, makeDigest } from "@ctr/oci";
import type { ImageNode, ImageTree, LayerName } from "../image-tree.ts";

/** One layer of an image, not yet stored anywhere. */
export interface HostImageLayer {
  readonly name: LayerName;
  readonly diffId: Digest;
  /** Bytes of the archive. */
  readonly size: number;
  /** The layer as a tar archive, uncompressed; the same bytes each time as long as this machine's files stay. */
  archive(): AsyncGenerator<Uint8Array, void>;
}

/** An image, ready to be stored. */
export interface HostImage {
  /** Oldest first, as `config.rootfs.diff_ids`. */
  readonly layers: readonly HostImageLayer[];
  readonly config: ImageConfig;
}

/** Read every file once, for the diff ids, and describe the image. */
export async function assembleImage(
  tree: ImageTree,
  defaults: ContainerDefaults,
  signal?: AbortSignal,
): Promise<HostImage> {
  const layers: HostImageLayer[] = [];
  for (const name of ["libraries", "programs", "data"] as const) {
    const nodes = tree.layer(name);
    if (nodes.length === 0) continue;
    const archive = (): AsyncGenerator<Uint8Array, void> => writeArchive(nodes.map(memberOf));
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of archive()) {
      signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
    }
    layers.push({ name, diffId: makeDigest("sha256", hash.digest("hex")), size, archive });
  }
  const config: ImageConfig = {
    architecture: goArchitecture(),
    os: "linux",
    config: defaults,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ name }) => ({ created_by: `@ctr/host-image: ${name} of this machine` })),
  };
  return { layers, config };
}

function memberOf({ entry, content }: ImageNode): ArchiveMember {
  if (content === undefined) return { entry };
  return { entry, content: "bytes" in content ? content.bytes : readFile(content.file, entry.size) };
}

// At most the bytes that it had: a log file that grows meanwhile is cut, not refused.
async function* readFile(path: string, size: number): AsyncGenerator<Uint8Array, void> {
  if (size > 0) yield* createReadStream(path, { end: size - 1, highWaterMark: 256 << 10 }) as AsyncIterable<Uint8Array>;
}

// What Node calls an architecture, and what Go and with it OCI call it. @see image-spec config.md, "architecture"
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };

function goArchitecture(): string {
  return architectures[process.arch] ?? process.arch;
}
