import { setImmediate } from "node:timers/promises";
import { walkTree } from "@ctr/layers";
import type { LayerSource, Tally } from "../reuse-report.ts";
import { inodeOf } from "./compare-files.ts";
import { treeError } from "./open-beneath.ts";

export type UnpackedLayer = LayerSource & { readonly directory: string };

export const isUnpacked = (layer: LayerSource): layer is UnpackedLayer => layer.directory !== undefined;

/** A file by the first of its names. */
export interface SizedFile {
  readonly layer: UnpackedLayer;
  /** Without a slash at the start. */
  readonly path: string;
}

export interface MeasuredLayer {
  readonly diskBytes: number;
  readonly content: Tally;
}

/**
 * Walk a layer once: what it takes, and every file that is not empty, filed under its size. What is not
 * unpacked takes nothing.
 *
 * @throws {ImageReuseError} `ERR_IMAGE_REUSE_TREE`
 */
export async function measureLayer(
  layer: LayerSource,
  filesBySize: Map<number, SizedFile[]>,
  signal: AbortSignal | undefined,
): Promise<MeasuredLayer> {
  if (!isUnpacked(layer)) return { diskBytes: 0, content: { files: 0, bytes: 0 } };
  const seen = new Set<string>();
  let [diskBytes, bytes, files, count] = [0, 0, 0, 0];
  try {
    for (const { name, stat } of walkTree(layer.directory)) {
      if (++count % 1024 === 0) await setImmediate();
      signal?.throwIfAborted();
      if (stat.isFile()) files++;
      if (stat.nlink > 1n && !stat.isDirectory()) {
        if (seen.has(inodeOf(stat))) continue;
        seen.add(inodeOf(stat));
      }
      diskBytes += Number(stat.blocks) * 512; // stat(2): st_blocks counts 512 bytes each
      if (!stat.isFile()) continue;
      const size = Number(stat.size);
      bytes += size;
      if (size > 0) fileUnder(filesBySize, size, { layer, path: name });
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw treeError(layer.directory, cause);
  }
  return { diskBytes, content: { files, bytes } };
}

export function fileUnder<Key, Value>(groups: Map<Key, Value[]>, key: Key, value: Value): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
