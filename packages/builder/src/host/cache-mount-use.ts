import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { CacheMount } from "@ctr/dockerfile";
import { perform } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import type { Place } from "../builder-error.ts";
import { cacheBase, cacheId } from "../mount-definition.ts";
import type { CacheIdentity, CacheMountTable, CacheUse } from "./cache-mount-table.ts";
import { contentName, copyContent, type MountContent } from "./mount-source.ts";
import { Tree } from "./tree.ts";

/** Milliseconds between two looks at a directory that somebody else has: it may be another process. */
const patience = 50;

export interface CacheWanted {
  readonly mount: CacheMount;
  /** What it begins with; undefined: nothing. */
  readonly content: MountContent | undefined;
  readonly place: Place;
}

export interface CacheTaker {
  readonly table: CacheMountTable;
  /** The build that takes it, as the holder of its workspace. */
  readonly owner: string;
  /** BUILDKIT_CACHE_MOUNT_NS: caches of another name space are others. */
  readonly namespace: string;
  readonly endOrphans: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

export function identityOf({ mount, content }: CacheWanted, namespace: string): CacheIdentity {
  const from = content === undefined ? [] : [`from=${contentName(content)}`];
  const base = [...from, cacheBase(mount)].filter((text) => text !== "").join(",");
  return { id: namespace === "" ? cacheId(mount) : `${namespace}/${cacheId(mount)}`, base };
}

/** Get the directory of a cache mount, waiting for whoever has it locked. @throws the signal's reason */
export async function takeCache(wanted: CacheWanted, o: CacheTaker): Promise<CacheUse> {
  const identity = identityOf(wanted, o.namespace);
  for (;;) {
    o.signal?.throwIfAborted();
    await forgetTheDead(o.table, o.endOrphans);
    const use = o.table.take(identity, wanted.mount.sharing, o.owner);
    if (use === undefined) {
      await setTimeout(patience, undefined, o.signal && { signal: o.signal }).catch(() => {}); // thrown above
      continue;
    }
    try {
      if (!use.isReady) await fill(o.table, use, wanted, o.signal);
      return use;
    } catch (error) {
      o.table.giveBack(use.use);
      throw error;
    }
  }
}

/** What a dead build locked is free once the commands that it left behind have ended too. */
export async function forgetTheDead(table: CacheMountTable, endOrphans: () => Promise<void>): Promise<void> {
  const dead = table.deadOwners();
  if (dead.length === 0) return;
  await endOrphans();
  for (const owner of dead) table.forgetOwner(owner);
}

/** Make the directory as its mount says, also when somebody died who had begun to. */
async function fill(
  table: CacheMountTable,
  use: CacheUse,
  { mount, content, place }: CacheWanted,
  signal: AbortSignal | undefined,
): Promise<void> {
  const directory = table.directory(use.name);
  const path = table.data(use.name);
  const because = { option: "--mount=type=cache", why: `the cache ${JSON.stringify(mount.id)} begins` };
  perform([{ do: "remove", in: "host", path, because }]);
  if (content !== undefined) {
    using tree = Tree.open(directory);
    await copyContent(content, tree, "data", { place, signal });
  }
  const { mode = 0o755, uid = 0, gid = 0 } = mount;
  const made: Step = { do: "makeDirectory", in: "host", path, mode, uid, gid, because };
  const isAsked = mount.mode !== undefined || mount.uid !== undefined || mount.gid !== undefined;
  if (isAsked || !existsSync(path)) perform([made]);
  table.ready(use.name);
}
