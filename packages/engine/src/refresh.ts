import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { endingOf, exitCode } from "@ctr/kernel";
import { endOrphans } from "./build-orphans.ts";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, isAlive, thisProcess } from "./context.ts";
import { thawAbandoned } from "./freeze.ts";
import { finishStart } from "./give-back.ts";
import { monitorsWord } from "./monitors-word.ts";
import { claimAndTakeDown } from "./take-down.ts";

/** How often another process's work is looked at; nothing tells when it is over. */
const pollMilliseconds = 5;

/** What a monitor wrote when its container had ended. */
interface ExitFile {
  readonly status: number;
  readonly time: string;
}

function readExit(context: Context, id: string): ExitFile | undefined {
  try {
    return JSON.parse(readFileSync(join(containerDirectory(context.root, id), "exit"), "utf8")) as ExitFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Bring a record up to what is true: a container that has ended since is `exited`, and what it held is given
 * back. Nobody was there to do it when it happened; that is the price of having no daemon.
 */
export async function refresh(context: Context, record: ContainerRecord): Promise<ContainerRecord> {
  const now = context.table.get(record.id) ?? record;
  if (now.state === "finishing") return waitForOther(context, now);
  if (now.state !== "running" && !(now.state === "starting" && !isAlive(now.owner))) return now;
  let exit = readExit(context, now.id);
  if (exit === undefined && isAlive(now.process)) {
    await thawAbandoned(context, now);
    // Started by a process that was killed before it could say so.
    return now.state === "running" ? now : (context.table.update(now.id, ["starting"], { state: "running" }) ?? now);
  }
  if (exit === undefined && now.process !== undefined) {
    // Its monitor has still to write down how it ended, or was killed too.
    await monitorsWord(context, now);
    exit = readExit(context, now.id);
  }
  return finish(context, now, exit);
}

/** One process alone finishes a container: a second one could meet the next start's cgroup. The others wait for it. */
async function finish(context: Context, record: ContainerRecord, exit: ExitFile | undefined): Promise<ContainerRecord> {
  const ours = context.table.update(
    record.id,
    ["running", "starting", "finishing"],
    { state: "finishing", finisher: thisProcess() },
    (now) => now.state === "running" || !isAlive(now.state === "starting" ? now.owner : now.finisher),
  );
  if (ours === undefined) return waitForOther(context, record);
  let oomKilled: boolean;
  try {
    oomKilled = await finishStart(context, ours);
  } catch (error) {
    context.table.update(record.id, ["finishing"], { state: "running" }); // for whoever tries next
    throw error;
  }
  const ended = context.table.update(record.id, ["finishing"], {
    state: record.process === undefined ? "created" : "exited",
    exitCode: exit === undefined ? 137 : exitCode(endingOf(exit.status)),
    finishedAt: exit?.time ?? new Date().toISOString(),
    oomKilled,
  });
  return ended ?? context.table.get(record.id) ?? record;
}

async function waitForOther(context: Context, record: ContainerRecord): Promise<ContainerRecord> {
  for (;;) {
    const now = context.table.get(record.id);
    if (now?.state !== "finishing") return now ?? record;
    if (!isAlive(now.finisher)) return finish(context, now, readExit(context, now.id));
    await setTimeout(pollMilliseconds);
  }
}

/**
 * Tidy up after processes that were killed: what they were making, starting or removing. Containers that
 * ended are brought up to date, and those of `--rm` go.
 *
 * @param o.network  Also take the bridge and the firewall table away when no container needs them. That waits
 *   some 40 ms for the kernel, so a start does not ask for it.
 */
export async function housekeeping(context: Context, o: { readonly network: boolean }): Promise<void> {
  for (const record of context.table.all()) await tidy(context, record);
  await endOrphans(context);
  await context.store.housekeeping();
  if (o.network)
    context.network.housekeeping((id) =>
      ["running", "starting", "finishing"].includes(context.table.get(id)?.state ?? ""),
    );
}

async function tidy(context: Context, record: ContainerRecord): Promise<void> {
  if (isAlive(record.owner) && record.state !== "running") return; // somebody is at it
  if (record.state === "creating" || record.state === "removing") {
    await claimAndTakeDown(context, record.id);
    return;
  }
  const now = await refresh(context, record);
  const over =
    now.state === "exited" || (now.state === "created" && (record.state === "starting" || now.options.startsAtOnce));
  if (over && now.options.autoRemove && !isAlive(now.owner)) await claimAndTakeDown(context, now.id);
}
