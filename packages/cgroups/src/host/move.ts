import { errnoOf, performSlowWrite } from "./files.ts";

/**
 * Bring processes into `directory`, and those that they start meanwhile. A process that ends on the way
 * is no loss.
 * @param listed  asks who there is
 */
export async function moveProcesses(directory: string, listed: () => Promise<readonly number[]>): Promise<void> {
  const moved = new Set<number>();
  const because = { option: "linux.resources", why: "a limit was asked of a tree that it was not in" };
  for (;;) {
    const rest = (await listed()).filter((pid) => !moved.has(pid));
    if (rest.length === 0) return;
    for (const pid of rest) {
      moved.add(pid);
      try {
        await performSlowWrite({ do: "write", path: `${directory}/cgroup.procs`, text: `${pid}`, because });
      } catch (cause) {
        if (errnoOf(cause).symbol !== "ESRCH") throw cause;
      }
    }
  }
}
