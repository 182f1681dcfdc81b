import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type LayerChange, listChanges } from "@ctr/layers";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { mountPlaces } from "./mount-stubs.ts";
import { rootOf } from "./start.ts";

/** What a container has of its own, beside what its image has. */
export interface ChangedTree {
  readonly upper: string;
  /** Newest first. */
  readonly lowers: readonly string[];
  /** Names below `upper` that only a start made, as places to mount on: the user changed nothing there. */
  readonly stubs: ReadonlySet<string>;
}

/**
 * Where a container's changes are.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION` for a container that writes into a directory of the host
 */
export function changedTree(context: Context, record: ContainerRecord): ChangedTree {
  const { source } = record.chainId === undefined ? { source: { directory: "" } } : rootOf(context, record);
  if ("directory" in source)
    throw new EngineError(
      "ERR_ENGINE_OPTION",
      `container ${record.name} was made with --rootfs: it has no image that its files could be compared with`,
      { exitCode: 1 },
    );
  const { upper, lowers } = source;
  return { upper, lowers, stubs: startsStubs(upper, lowers) };
}

/**
 * What a container changed of its image's files, directories before what is in them. Takes time for what
 * changed, not for what the image holds.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION`; {LayerError} `ERR_LAYERS_SOURCE`
 */
export async function* containerChanges(
  context: Context,
  record: ContainerRecord,
  o: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<LayerChange, void, undefined> {
  const { upper, lowers, stubs } = changedTree(context, record);
  for await (const change of listChanges({ upper, lowers, ...o })) if (!stubs.has(change.path.slice(1))) yield change;
}

/** Docker makes these in a layer below the container's own; here they lie in it, as long as nobody filled them. */
function startsStubs(upper: string, lowers: readonly string[]): Set<string> {
  const stubs = new Set<string>();
  const below = (name: string): BigIntStats | undefined => firstStatus(lowers, name);
  for (const name of deepestFirst(mountPlaces.map((place) => place.slice(1)))) {
    const status = statusIn(upper, name);
    const isFile = status?.isFile() && status.size === 0n;
    if ((isFile || (status?.isDirectory() && holdsOnly(upper, name, stubs))) && below(name) === undefined)
      stubs.add(name);
  }
  const parents = new Set([...stubs].map((name) => dirname(name)).filter((name) => name !== "."));
  for (const name of deepestFirst([...parents])) {
    const status = statusIn(upper, name);
    const before = below(name);
    const same = before === undefined || (status !== undefined && isAlike(status, before));
    if (!stubs.has(name) && status?.isDirectory() && same && holdsOnly(upper, name, stubs)) stubs.add(name);
  }
  return stubs;
}

const deepestFirst = (names: readonly string[]): string[] => [...names].sort((a, b) => b.length - a.length);

function holdsOnly(upper: string, name: string, stubs: ReadonlySet<string>): boolean {
  return readdirSync(join(upper, name)).every((child) => stubs.has(`${name}/${child}`));
}

// A directory above that a start wrote into was copied up as it was.
function isAlike(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

function firstStatus(layers: readonly string[], name: string): BigIntStats | undefined {
  for (const layer of layers) {
    const status = statusIn(layer, name);
    if (status !== undefined) return status;
  }
  return undefined;
}

/** No link is followed: it would lead into the host's tree. A place behind one is somewhere else in the container too. */
function statusIn(layer: string, name: string): BigIntStats | undefined {
  let path = layer;
  const parts = name.split("/");
  for (const part of parts.slice(0, -1)) {
    path = join(path, part);
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  }
  return lstatSync(join(path, parts.at(-1)!), { bigint: true, throwIfNoEntry: false });
}
