import { readdirSync } from "node:fs";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { type Context, isAlive, thisProcess } from "./context.ts";
import { cgroupOf } from "./give-back.ts";

//  <root>/tmp/run-<pid>-<start time>-<id>     files of one command of a build, and the name of its cgroup
//
//  A command is a child of the process that builds. When that is killed the command goes on, until somebody ends it.

const pattern = /^run-(\d+)-(\d+)-(b[0-9a-f]{62})$/;

/** Where the files of a command lie. */
export function commandDirectory(root: string, id: string): string {
  const { pid, startTime } = thisProcess();
  return join(root, "tmp", `run-${pid}-${startTime}-${id}`);
}

/** End the commands of builds that died, and take away what they have. Again is fine. */
export async function endOrphans(context: Context): Promise<void> {
  const directory = join(context.root, "tmp");
  for (const name of readdirSync(directory)) {
    const [, pid, startTime, id] = pattern.exec(name) ?? [];
    if (id === undefined || isAlive({ pid: Number(pid), startTime: Number(startTime) })) continue;
    const cgroup = cgroupOf(id);
    await cgroup.kill("SIGKILL");
    await cgroup.remove();
    await context.network.disconnect(id);
    const because = { option: "build", why: "the build that had this command is dead" };
    perform([{ do: "remove", in: "host", path: join(directory, name), because }]);
  }
}
