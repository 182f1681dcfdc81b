import { perform } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import { findBelow } from "./find-below.ts";

/**
 * Make the directories that a layer only passes through like those of the layers below, as `applyLayer` does when
 * it knows them: layers can be unpacked side by side and be matched when all are there.
 *
 * @param o.directory  What the layer was unpacked into.
 * @param o.lowers  Directories of the layers below, newest first.
 * @param o.passed  As `applyLayer` returned them.
 * @throws {KernelError}
 */
export function matchLowers(o: {
  readonly directory: string;
  readonly lowers: readonly string[];
  readonly passed: readonly string[];
}): void {
  const because = { option: "lowers", why: "the layer passes through a directory of a layer below" };
  const steps: Step[] = [{ do: "enterRootfs", path: o.directory, because }];
  for (const path of o.passed) {
    const status = findBelow(o.lowers, path.split("/").slice(1));
    if (status === undefined) continue;
    const { mode, uid, gid, mtime } = status;
    steps.push(
      { do: "makeDirectory", in: "rootfs", path, mode, uid, gid, because },
      { do: "setTime", in: "rootfs", path, time: mtime, because },
    );
  }
  if (steps.length > 1) perform(steps);
}
