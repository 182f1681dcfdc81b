import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { HeldProcess } from "@ctr/kernel";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { cgroupOf } from "./give-back.ts";
import { monitorsWord } from "./monitors-word.ts";
import { refresh } from "./refresh.ts";

const defaultStopSeconds = 10;

/** A signal by name, with or without SIG, or number. @throws {EngineError} `ERR_ENGINE_OPTION` */
export function signalNumber(signal: string): number {
  const number = /^\d{1,3}$/.test(signal) ? Number(signal) : undefined;
  const name = `SIG${signal.toUpperCase().replace(/^SIG/, "")}`;
  const real = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name);
  const found = number ?? (real ? 34 + Number(real[1] ?? 0) : constants.signals[name as NodeJS.Signals]);
  if (found !== undefined && found >= 1 && found <= 64) return found;
  throw new EngineError("ERR_ENGINE_OPTION", `Invalid signal: ${signal}`);
}

/** @throws {EngineError} `ERR_ENGINE_NOT_RUNNING` */
export async function running(context: Context, record: ContainerRecord): Promise<ContainerRecord> {
  const now = await refresh(context, record);
  if (now.state === "running" && now.process !== undefined) return now;
  throw new EngineError("ERR_ENGINE_NOT_RUNNING", `Container ${now.id} is not running`);
}

/** Wait until a container has ended; its exit code. */
export async function waitForEnd(context: Context, record: ContainerRecord): Promise<number> {
  const now = await refresh(context, record);
  if (now.state === "running") await monitorsWord(context, now);
  return (await refresh(context, now)).exitCode ?? 0;
}

/** @throws {EngineError} `ERR_ENGINE_NOT_RUNNING` */
export async function killContainer(context: Context, record: ContainerRecord, signal: string): Promise<void> {
  const now = await running(context, record);
  const number = signalNumber(signal);
  using held = HeldProcess.open(now.process!.pid, now.process!.startTime);
  held?.kill(number);
  if (number === constants.signals.SIGKILL) await waitForEnd(context, now);
}

export interface Stopped {
  /** The stop signal did nothing within the time, and SIGKILL ended it. */
  readonly killed: boolean;
  /** As it runs as PID 1 with no handler for the signal, the kernel drops it. */
  readonly ignoresSignal: boolean;
}

/**
 * Stop a container: its stop signal, then SIGKILL after `seconds`. A container that does not run is stopped already.
 *
 * @param o.seconds  -1 waits for ever
 */
export async function stopContainer(
  context: Context,
  record: ContainerRecord,
  o: { readonly seconds?: number | undefined } = {},
): Promise<Stopped> {
  const now = await refresh(context, record);
  if (now.state !== "running" || now.process === undefined) return { killed: false, ignoresSignal: false };
  using held = HeldProcess.open(now.process.pid, now.process.startTime);
  if (held === undefined) return { killed: false, ignoresSignal: false };
  const number = signalNumber(now.stopSignal);
  const ended = waitForEnd(context, now);
  // Our own init sits in sigtimedwait(2), which /proc does not show.
  const ignoresSignal = now.options.init !== true && !handles(now.process.pid, number);
  held.kill(number);
  const seconds = o.seconds ?? now.options.stopTimeout ?? defaultStopSeconds;
  const killed = seconds >= 0 && !(await within(ended, seconds * 1000));
  if (killed) held.kill("SIGKILL");
  await ended;
  return { killed, ignoresSignal };
}

async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer));
}

/**
 * Does a process do something about the signal? PID 1 of a namespace gets no signal that it has no handler
 * for; one that it blocks waits for it all the same, which is how an init takes them.
 *
 * @see pid_namespaces(7)
 */
function handles(pid: number, signal: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const sets = [...status.matchAll(/^Sig(?:Cgt|Blk):\s*([0-9a-f]+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
    return sets.length === 0 || sets.some((mask) => ((mask >> BigInt(signal - 1)) & 1n) === 1n);
  } catch {
    return true; // it has ended meanwhile
  }
}

/** End a container at once, with all its processes. */
export async function killAndWait(context: Context, record: ContainerRecord): Promise<void> {
  const ended = waitForEnd(context, record);
  await cgroupOf(record.id).kill("SIGKILL");
  await ended;
}
