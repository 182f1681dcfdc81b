import { createHash, hash } from "node:crypto";
import { closeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type Digest, makeDigest } from "@ctr/oci";
import type { DuplicateGroup, Duplicates } from "../reuse-report.ts";
import { OpenLayers } from "./layer-stack.ts";
import { fileUnder, type SizedFile } from "./measure-layer.ts";
import { chunkSize, chunksOf, fill, openBeneath, treeError } from "./open-beneath.ts";

//  Most files are told apart by what costs least:
//
//     size  ──▶ alone? done     first 64 KiB ──▶ alone? done     all of it ──▶ equal digests are equal files
//
//  Files up to 64 KiB need no third look.

const headSize = 64 << 10;
const placesPerGroup = 20;

/**
 * Contents that several files have. Only files whose sizes collide are read.
 *
 * @param filesBySize  Files that are not hard links of each other.
 * @param most  Groups to tell in full; the others are only counted.
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`
 */
export async function findDuplicates(
  filesBySize: ReadonlyMap<number, readonly SizedFile[]>,
  most: number,
  signal?: AbortSignal,
): Promise<Duplicates> {
  using layers = new OpenLayers();
  const reader = new Reader(layers, signal);
  const found: DuplicateGroup[] = [];
  let [files, bytes] = [0, 0];
  for (const [size, candidates] of filesBySize) {
    for (const [digest, equal] of await reader.equalFiles(size, candidates)) {
      const extra = equal.length - 1;
      files += extra;
      bytes += extra * size;
      found.push({
        digest,
        size,
        files: equal.length,
        bytes: extra * size,
        places: equal.slice(0, placesPerGroup).map(({ layer, path }) => ({ layer: layer.chainId, path: `/${path}` })),
      });
      if (found.length > 4 * most) keepLargest(found, most);
    }
  }
  keepLargest(found, most);
  return { extra: { files, bytes }, groups: found };
}

function keepLargest(groups: DuplicateGroup[], most: number): void {
  groups.sort((a, b) => b.bytes - a.bytes || b.files - a.files || (a.digest < b.digest ? -1 : 1));
  groups.length = Math.min(groups.length, most);
}

class Reader {
  readonly #layers: OpenLayers;
  readonly #signal: AbortSignal | undefined;
  readonly #head: Buffer = Buffer.allocUnsafe(headSize);
  readonly #chunk: Buffer = Buffer.allocUnsafe(chunkSize);
  #count = 0;

  constructor(layers: OpenLayers, signal: AbortSignal | undefined) {
    this.#layers = layers;
    this.#signal = signal;
  }

  /** Files of one size by the digest of their content, where there are several. */
  async equalFiles(size: number, candidates: readonly SizedFile[]): Promise<[Digest, readonly SizedFile[]][]> {
    if (candidates.length < 2) return [];
    const byHead = await this.#group(candidates, (file) => this.#digestOfHead(file, size));
    if (size <= headSize) return several(byHead);
    const groups: [Digest, readonly SizedFile[]][] = [];
    for (const [, alike] of several(byHead))
      groups.push(...several(await this.#group(alike, (file) => this.#digestOf(file))));
    return groups;
  }

  async #group(
    files: readonly SizedFile[],
    digestOf: (file: SizedFile) => Digest | Promise<Digest>,
  ): Promise<Map<Digest, SizedFile[]>> {
    const groups = new Map<Digest, SizedFile[]>();
    for (const file of files) {
      this.#signal?.throwIfAborted();
      if (++this.#count % 256 === 0) await setImmediate();
      fileUnder(groups, await digestOf(file), file);
    }
    return groups;
  }

  #digestOfHead(file: SizedFile, size: number): Digest {
    const fd = this.#open(file);
    try {
      const head = this.#head.subarray(0, Math.min(size, headSize));
      return makeDigest("sha256", hash("sha256", head.subarray(0, fill(fd, head))));
    } catch (cause) {
      throw treeError(file.path, cause);
    } finally {
      closeSync(fd);
    }
  }

  async #digestOf(file: SizedFile): Promise<Digest> {
    const fd = this.#open(file);
    try {
      const sha256 = createHash("sha256");
      for await (const chunk of chunksOf(fd, this.#chunk)) {
        this.#signal?.throwIfAborted();
        sha256.update(chunk);
      }
      return makeDigest("sha256", sha256.digest("hex"));
    } catch (cause) {
      this.#signal?.throwIfAborted();
      throw treeError(file.path, cause);
    } finally {
      closeSync(fd);
    }
  }

  #open({ layer, path }: SizedFile): number {
    return openBeneath(this.#layers.open(layer.directory).root, path);
  }
}

const several = (groups: ReadonlyMap<Digest, SizedFile[]>): [Digest, readonly SizedFile[]][] =>
  [...groups].filter(([, files]) => files.length > 1);
