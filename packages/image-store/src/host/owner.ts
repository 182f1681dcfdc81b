import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

// Work in progress carries the name of its process, so that whoever tidies up knows whether somebody
// still works on it: pid, start time and boot id together are never used twice.

/** A new name for work of this process. @see proc_pid_stat(5), field 22; random(4), boot_id */
export function newOwner(): string {
  return `${process.pid}-${startTime(process.pid)}-${bootId()}-${randomBytes(4).toString("hex")}`;
}

/** Whether the process that made the name still runs. True for a name that cannot be understood: better kept than lost. */
export function isAlive(owner: string): boolean {
  const match = /^([0-9]+)-([0-9]+)-([0-9a-f]+)-[0-9a-f]+$/.exec(owner);
  if (match === null) return true;
  return match[3] === bootId() && startTime(Number(match[1])) === match[2];
}

/** A file name that says who made it. */
export function temporaryName(owner: string): string {
  return `${owner}.${randomBytes(8).toString("hex")}`;
}

/** The owner in a name that `temporaryName` made. */
export function ownerOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf("."), 0));
}

function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in parentheses and may hold anything, so count from its end.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8);
  return knownBootId;
}
