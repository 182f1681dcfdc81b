import { freezeWrite, isFrozen } from "../freezer.ts";
import type { Hierarchy } from "../layout.ts";
import { performWrite, readIfThere } from "./files.ts";
import { type Patience, untilAsked, untilEvent } from "./wait.ts";

/** Stop (or let go) every process of the cgroup in `directory` and wait until all have. */
export async function setFrozen(
  tree: Hierarchy,
  directory: string,
  freeze: boolean,
  patience: Patience = {},
): Promise<void> {
  const { file, text } = freezeWrite(tree.version, freeze);
  const because = freeze
    ? { option: "freeze", why: "every process stops" }
    : { option: "thaw", why: "every process goes on" };
  const write = (): void => performWrite({ do: "write", path: `${directory}/${file}`, text, because });
  write();
  const what = freeze ? "its processes to stop" : "its processes to go on";
  if (tree.version === 2)
    return untilEvent(directory, what, async () => (await frozenIn(tree, directory)) === freeze, patience);
  // A v1 process that was being traced or born when the first write came may need another one.
  return untilAsked(
    directory,
    what,
    async () => {
      if ((await frozenIn(tree, directory)) === freeze) return true;
      if (freeze) write();
      return false;
    },
    patience,
  );
}

async function frozenIn(tree: Hierarchy, directory: string): Promise<boolean> {
  const file = tree.version === 1 ? "freezer.state" : "cgroup.events";
  return isFrozen(tree.version, (await readIfThere(`${directory}/${file}`)) ?? "");
}
