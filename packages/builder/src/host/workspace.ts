import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isKernelError, perform } from "@ctr/kernel";
import { openOverlay } from "@ctr/overlayfs";
import type { Step } from "@ctr/plan";
import { Tree } from "./tree.ts";

//  <store>/tmp/build-<owner>/empty         a lower directory where there is no other
//                            <n>/upper     becomes a layer's directory by rename(2), or is removed
//                            <n>/work      the kernel's
//                            <n>/merged    where a worker may mount
//
//  The owner is a process by pid, start time and boot, so that whoever comes later knows whether it still runs.

const prefix = "build-";

/** Directories of a layer that is being made. */
export interface LayerDraft {
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

/** A build's own directory below the store's `tmp`; all of it goes when the build ends. */
export class Workspace {
  /** Names this build to the store, as holder of the layers that it reads. */
  readonly holder: string;
  readonly directory: string;
  readonly #empty: string;
  #drafts = 0;

  constructor(storeRoot: string) {
    this.holder = newHolder();
    this.directory = join(storeRoot, "tmp", this.holder);
    this.#empty = join(this.directory, "empty");
    mkdirSync(this.#empty, { recursive: true });
    chmodSync(this.#empty, 0o755); // it is the model for the root of an image from scratch, whatever the umask is
  }

  /** A place for the changes on top of `lowers`, newest first. */
  draft(lowers: readonly string[]): LayerDraft {
    const directory = join(this.directory, String(++this.#drafts));
    const draft = {
      lowers: lowers.length === 0 ? [this.#empty] : lowers,
      upper: join(directory, "upper"),
      work: join(directory, "work"),
      merged: join(directory, "merged"),
    };
    for (const path of [directory, draft.work, draft.merged]) mkdirSync(path, { mode: 0o700 });
    makeLike(draft.upper, draft.lowers[0]!);
    return draft;
  }

  /** Write into a draft through the overlay that it stands for. */
  openDraft(draft: LayerDraft): Tree {
    const { lowers, upper, work } = draft;
    return new Tree(openOverlay({ lowers, upper, work, volatile: true })); // the store syncs what it keeps
  }

  /** Read layers as one tree. An overlay that is only read needs two. */
  openLayers(lowers: readonly string[]): Tree {
    const padded = this.padded(lowers);
    return padded.length === 1 ? Tree.open(this.#empty) : new Tree(openOverlay({ lowers: padded }));
  }

  /** The same layers on top of one that is empty. */
  padded(lowers: readonly string[]): string[] {
    return [...lowers, this.#empty];
  }

  /** An empty directory, the build's own. */
  newDirectory(name: string): string {
    const directory = join(this.directory, `${name}-${++this.#drafts}`);
    mkdirSync(directory, { mode: 0o700 });
    return directory;
  }

  /** A directory with one program in it, to show to a command. */
  scriptDirectory(name: string, text: string): string {
    const directory = join(this.directory, `script-${++this.#drafts}`);
    const because = { option: "RUN <<EOF", why: "the heredoc is a program" };
    const bytes = new TextEncoder().encode(text);
    perform([
      { do: "makeDirectory", in: "host", path: directory, mode: 0o755, uid: 0, gid: 0, because },
      { do: "makeFile", in: "host", path: join(directory, name), mode: 0o755, uid: 0, gid: 0, bytes, because },
    ]);
    return directory;
  }

  /** What a worker left mounted stays, for `removeDeadWorkspaces`: the error that led there tells more than this one. */
  end(release: (holder: string) => void): void {
    remove(this.directory, () => release(this.holder));
  }
}

// The room comes back first: on a full disk nothing could be let go. The name goes last: with it a holder is forgotten.
function remove(path: string, release: () => void): void {
  tryPerforming({ do: "empty", in: "host", path, because: done });
  release();
  tryPerforming({ do: "remove", in: "host", path, because: done });
}

const done = { option: "build", why: "the build is over" };

function tryPerforming(step: Step): void {
  try {
    perform([step]);
  } catch (error) {
    if (!isKernelError(error)) throw error;
  }
}

/** Names in an image are anybody's: nothing is followed. */
export function removeTree(path: string): void {
  perform([{ do: "remove", in: "host", path, because: { option: "build", why: "the step is done" } }]);
}

// The root directory of a view is the upper's: it must look as the one below it. Its time is part of the layer, and
// that of the model may be when it was unpacked: none is the same everywhere.
function makeLike(path: string, model: string): void {
  const { mode, uid, gid } = statSync(model);
  const because = { option: "build", why: "the step's changes come here" };
  perform([{ do: "makeDirectory", in: "host", path, mode: mode & 0o7777, uid, gid, because }]);
  utimesSync(path, 0, 0);
}

/** Remove what builds left that died, and release what they held. */
export function removeDeadWorkspaces(storeRoot: string, release: (holder: string) => void): void {
  const names = readdirSync(join(storeRoot, "tmp")).filter((name) => name.startsWith(prefix) && !isAlive(name));
  for (const name of names) remove(join(storeRoot, "tmp", name), () => release(name));
}

/** A name for a build of this process, of which everybody can tell whether it still runs. */
export const newHolder = (): string => `${prefix}${thisProcess()}-${randomBytes(4).toString("hex")}`;

/** Whether the build that has this name as a holder still runs. */
export function isAlive(name: string): boolean {
  const match = /^build-([0-9]+)-([0-9]+)-([0-9a-f]+)-[0-9a-f]+$/.exec(name);
  if (match === null) return true; // somebody else's
  return match[3] === bootId() && match[2] === startTime(Number(match[1]));
}

const thisProcess = (): string => `${process.pid}-${startTime(process.pid)}-${bootId()}`;

/** Undefined for one that has ended, also when nobody has asked for its end yet. @see proc_pid_stat(5), fields 3 and 22 */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold anything, so count from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
