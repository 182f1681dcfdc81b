import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import type { Inherited } from "../cgroup-steps.ts";
import { errnoOf, kernelError, performWrite, readNowIfThere } from "./files.ts";
import { hintFor } from "./hint.ts";

/** False when it exists. */
export function makeDirectory(directory: string): boolean {
  // Asked first: the parents of a container's cgroups are usually there, and an exception takes longer than mkdir(2).
  if (existsSync(directory)) return false;
  try {
    mkdirSync(directory);
    return true;
  } catch (cause) {
    const { symbol } = errnoOf(cause);
    if (symbol === "EEXIST") return false; // somebody else was first
    throw kernelError("make the cgroup", directory, cause, hintFor(directory, symbol));
  }
}

/** False while processes or other cgroups are in it. A directory that is gone is fine. */
export function removeEmpty(directory: string): boolean {
  if (!existsSync(directory)) return true; // as in every tree that the container did not use
  try {
    rmdirSync(directory);
    return true;
  } catch (cause) {
    const { symbol } = errnoOf(cause);
    if (symbol === "ENOENT") return true;
    if (symbol === "EBUSY" || symbol === "ENOTEMPTY") return false;
    throw kernelError("remove", directory, cause);
  }
}

/** Fill the files that are still empty from the parent's, which was filled before. */
export function inherit(files: readonly Inherited[]): void {
  const because = { option: "linux.resources.cpu.cpus", why: "a v1 cpuset is born empty" };
  for (const { from, to } of files) {
    if ((readNowIfThere(to) ?? "").trim() !== "") continue;
    const text = (readNowIfThere(from) ?? "").trim();
    performWrite({ do: "write", path: to, text, because });
  }
}
