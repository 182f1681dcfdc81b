import { existsSync, readdirSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { ImageStore } from "@ctr/image-store";
import { diskUsage, isKernelError, perform, performLater } from "@ctr/kernel";
import { applyLayer, tarDirectory } from "@ctr/layers";
import { BuilderError } from "../builder-error.ts";
import { CacheMountTable } from "./cache-mount-table.ts";
import { forgetTheDead } from "./cache-mount-use.ts";
import { newHolder } from "./workspace.ts";

/** What all functions about cache mounts need. */
export interface CacheMountPlace {
  readonly store: ImageStore;
  /** An open `<store root>/ctr.db` to share. */
  readonly database?: DatabaseSync;
  /** What a `RunWorker` has: ends the commands of builds that died, before what they locked is free. */
  readonly endOrphans?: () => Promise<void>;
}

/** The directory behind a `RUN --mount=type=cache`. */
export interface CacheMountInfo {
  /** Its own; several can have one `id`, when commands that will not share run at a time. */
  readonly name: string;
  /** As the Dockerfile has it, else the target. */
  readonly id: string;
  /** What it began with: `mode=0700,uid=1000`, `from=sha256:…`; empty for an empty directory. */
  readonly base: string;
  /** Bytes on disk. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly usedAt: number;
  /** How many commands have had it. */
  readonly uses: number;
  /** A command has it now. */
  readonly isInUse: boolean;
}

/** The cache mounts of a store, oldest first. */
export async function listCacheMounts(o: CacheMountPlace): Promise<CacheMountInfo[]> {
  using table = await openTable(o);
  const rows = table.list().filter(({ isReady }) => isReady);
  return Promise.all(
    rows.map(async ({ users, isReady: _, ...row }) => ({
      ...row,
      isInUse: users > 0,
      size: await sizeOf(table.data(row.name)),
    })),
  );
}

async function openTable(o: CacheMountPlace): Promise<CacheMountTable> {
  const table = new CacheMountTable(o.store.root, o.database);
  await forgetTheDead(table, async () => o.endOrphans?.());
  return table;
}

// Another process may have removed it meanwhile.
async function sizeOf(path: string): Promise<number> {
  try {
    return await diskUsage({ path });
  } catch (error) {
    if (isKernelError(error) && error.symbol === "ENOENT") return 0;
    throw error;
  }
}

/**
 * Remove cache mounts that no command has now.
 *
 * @param o.filter  Which ones; default all.
 * @returns what is gone
 */
export async function removeCacheMounts(
  o: CacheMountPlace & { readonly filter?: (mount: CacheMountInfo) => boolean },
): Promise<CacheMountInfo[]> {
  const { filter = () => true } = o;
  const wanted = (await listCacheMounts(o)).filter(filter);
  using table = new CacheMountTable(o.store.root, o.database);
  const gone: CacheMountInfo[] = [];
  for (const mount of wanted) {
    if (!table.forget(mount.name)) continue;
    await removeDirectory(table, mount.name);
    gone.push(mount);
  }
  const names = (): readonly string[] => (existsSync(table.root) ? readdirSync(table.root) : []);
  for (const name of table.strays(names)) await removeDirectory(table, name); // somebody died between row and files
  return gone;
}

async function removeDirectory(table: CacheMountTable, name: string): Promise<void> {
  const because = { option: "builder prune", why: "the cache mount is not wanted any more" };
  await performLater([{ do: "remove", in: "host", path: table.directory(name), because }]);
}

/**
 * The files of a cache mount as a tar archive. No command gets it meanwhile.
 *
 * @param mount.id  As the Dockerfile has it.
 * @param mount.base  As `listCacheMounts` shows it; default the oldest of that id.
 * @throws {BuilderError} `ERR_BUILDER_NOT_FOUND`; `ERR_BUILDER_CACHE` when a command has it now
 */
export async function* exportCacheMount(
  mount: CacheMountPlace & { readonly id: string; readonly base?: string },
): AsyncGenerator<Uint8Array, void> {
  using table = await openTable(mount);
  const found = table.list().find((row) => row.isReady && row.id === mount.id && row.base === (mount.base ?? row.base));
  const shown = JSON.stringify(mount.id);
  if (found === undefined)
    throw new BuilderError({ code: "ERR_BUILDER_NOT_FOUND", message: `there is no cache mount ${shown}` });
  const use = table.take(found, "locked", newHolder());
  if (use === undefined) {
    const message = `cache mount ${shown} is in use; wait for the build that has it`;
    throw new BuilderError({ code: "ERR_BUILDER_CACHE", message });
  }
  try {
    yield* tarDirectory({ directory: table.data(use.name) });
  } finally {
    table.giveBack(use.use);
  }
}

/**
 * Make a cache mount of an archive, unless there is one: what commands of this machine put there is newer.
 *
 * @returns whether it was made
 * @throws {LayerError} for what is no archive
 */
export async function importCacheMount(
  mount: CacheMountPlace & {
    readonly id: string;
    /** As `listCacheMounts` shows it. */
    readonly base?: string;
    /** Tar, compressed or not. */
    readonly archive: AsyncIterable<Uint8Array>;
  },
): Promise<boolean> {
  using table = await openTable(mount);
  const { id, base = "" } = mount;
  if (table.list().some((row) => row.id === id && row.base === base)) return false;
  const use = table.take({ id, base }, "private", newHolder());
  if (use === undefined) return false;
  if (use.isReady) {
    table.giveBack(use.use);
    return false;
  }
  try {
    const directory = table.data(use.name);
    const because = { option: "--cache-from", why: `the cache ${JSON.stringify(id)} is imported` };
    perform([{ do: "makeDirectory", in: "host", path: directory, mode: 0o755, uid: 0, gid: 0, because }]);
    await applyLayer({ archive: mount.archive, accept: "any", directory, lowers: [directory] });
    table.ready(use.name);
    table.giveBack(use.use);
  } catch (error) {
    table.giveBack(use.use);
    table.forget(use.name);
    await removeDirectory(table, use.name);
    throw error;
  }
  return true;
}
