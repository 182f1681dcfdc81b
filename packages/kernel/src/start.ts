import { closeSync, readSync } from "node:fs";
import { constants } from "node:os";
import { encode, type NamespaceType, namespaceFlags, type Step, timingOffset, timingSize } from "@ctr/plan";
import { Channel, messageKind, readable } from "./channel.ts";
import { check, failureOf, KernelError } from "./kernel-error.ts";
import { initProgram, native } from "./native.ts";

/** How a process ended: with an exit code, or by a signal. */
export interface Ending {
  readonly code: number | undefined;
  /** `SIGKILL`, or undefined. */
  readonly signal: NodeJS.Signals | undefined;
}

/** As shells and Docker count: the code, or 128 and the signal's number. */
export function exitCode(ending: Ending): number {
  if (ending.code !== undefined) return ending.code;
  return 128 + (constants.signals[ending.signal as NodeJS.Signals] ?? 0);
}

// Where a number has two names, the first is the usual one: SIGABRT before SIGIOT.
const signalNames: ReadonlyMap<number, NodeJS.Signals> = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** The meaning of a wait(2) status. */
export function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: undefined };
  return { code: undefined, signal: signalNames.get(signal) ?? "SIGKILL" };
}

export interface StartOptions {
  readonly steps: readonly Step[];
  /** Namespaces that the child is born in. */
  readonly namespaces?: readonly NamespaceType[];
  /** fd of a v2 cgroup directory that the child is born in. */
  readonly cgroup?: number;
  /** fds of this process that become the child's 0, 1 and 2. Shared, not given away. */
  readonly stdio?: readonly [number, number, number];
  /** More fds: the child has `fds[i]` as number 5 + i. Shared, not given away. */
  readonly fds?: readonly number[];
  /** What to do when the child waits at a barrier of this name; then it goes on. A barrier without an entry stops the start there, until `resume`. */
  readonly barriers?: Readonly<Record<string, (pid: number) => void | Promise<void>>>;
  /** Note the time of every step; read with `timing`. */
  readonly timing?: boolean;
}

/** Where the fds of `StartOptions.fds` begin. 3 is the plan, 4 the way to the parent. */
export const firstExtraFd = 5;

/** How long a step took. */
export interface StepTime {
  readonly step: Step;
  /** Milliseconds. */
  readonly milliseconds: number;
}

/** fds and encoded plan that a start needs, whoever makes the child. */
export class PreparedPlan implements Disposable {
  readonly steps: readonly Step[];
  readonly memfd: number;
  readonly #timingAt: number | undefined;
  #lastTimes: StepTime[] | undefined;

  constructor(steps: readonly Step[], timing: boolean) {
    const plan = encode(steps);
    this.steps = steps;
    this.#timingAt = timing ? timingOffset(plan) : undefined;
    this.memfd = check(native().memfd("ctr-plan", plan, timing ? timingSize(steps.length) : 0, 0), "memfd_create");
  }

  /** What each step took until now; empty unless it was asked for. The exec's own time is not in it. */
  timing(): StepTime[] {
    if (this.#timingAt === undefined) return [];
    if (this.#lastTimes !== undefined) return this.#lastTimes;
    const bytes = Buffer.alloc(timingSize(this.steps.length));
    readSync(this.memfd, bytes, 0, bytes.length, this.#timingAt);
    const times: StepTime[] = [];
    this.steps.forEach((step, index) => {
      const from = bytes.readBigUInt64LE(index * 8);
      const to = bytes.readBigUInt64LE((index + 1) * 8);
      if (from > 0n && to > from) times.push({ step, milliseconds: Number(to - from) / 1e6 });
    });
    return times;
  }

  /** What was measured until now can still be read. */
  [Symbol.dispose](): void {
    if (this.#lastTimes !== undefined) return;
    this.#lastTimes = this.timing();
    closeSync(this.memfd);
  }
}

/** A process that was started from a plan. Owns its pidfd. */
export class Child {
  /** As this process sees it. */
  readonly pid: number;
  readonly pidfd: number;
  /** Resolves when the program has been executed or has ended; rejects with what failed before. */
  readonly running: Promise<void>;
  /** Master of the container's terminal, when the plan opened one. The caller owns it. */
  readonly terminal: number | undefined;
  readonly #plan: PreparedPlan;
  readonly #channel: Channel;
  #ended: Promise<Ending> | undefined;
  #reaped = false;

  constructor(parts: {
    pid: number;
    pidfd: number;
    running: Promise<void>;
    terminal: number | undefined;
    channel: Channel;
    plan: PreparedPlan;
  }) {
    this.pid = parts.pid;
    this.pidfd = parts.pidfd;
    this.running = parts.running;
    this.terminal = parts.terminal;
    this.#channel = parts.channel;
    this.#plan = parts.plan;
  }

  /** How long each step took; empty unless it was asked for. */
  timing(): StepTime[] {
    return this.#plan.timing();
  }

  /** Let the child go on from the barrier where the start stopped. */
  resume(): void {
    this.#channel.release();
  }

  /** @throws {KernelError} `ERR_KERNEL_ESRCH` when it has ended */
  kill(signal: NodeJS.Signals | number): void {
    // The pidfd is closed by then, and its number may be another's.
    if (this.#reaped) throw new KernelError({ syscall: "pidfd_send_signal", errno: constants.errno.ESRCH });
    const number = typeof signal === "number" ? signal : constants.signals[signal];
    check(native().pidfdSignal(this.pidfd, number), "pidfd_send_signal");
  }

  /** Waits for the end, and closes what is left of the start. */
  ended(): Promise<Ending> {
    this.#ended ??= this.#waitForEnd();
    return this.#ended;
  }

  async #waitForEnd(): Promise<Ending> {
    const ending = await waitForChild(this.pidfd);
    this.#reaped = true;
    closeSync(this.pidfd);
    this.#plan[Symbol.dispose]();
    return ending;
  }
}

/** @param quiet  does not keep this process from ending */
export async function waitForChild(pidfd: number, quiet = false): Promise<Ending> {
  await readable(pidfd, quiet);
  const { code, status } = check(native().reap(pidfd), "waitid") as { code: number; status: number };
  const exited = 1; // CLD_EXITED
  return code === exited
    ? { code: status, signal: undefined }
    : { code: undefined, signal: signalNames.get(status) ?? "SIGKILL" };
}

/** The process that a conversation with a starting child is about; a `fork` step replaces it. */
interface Starting {
  pid: number;
  pidfd: number;
  terminal: number | undefined;
}

/**
 * Follow a child's messages until it has become the program (undefined) or waits at a barrier that has no entry.
 *
 * @throws {KernelError} the step that failed
 */
async function follow(
  channel: Channel,
  child: Starting,
  options: Pick<StartOptions, "steps" | "barriers">,
  onFork: (old: Starting) => void,
): Promise<string | undefined> {
  for (;;) {
    const message = await channel.next();
    if (message === undefined) return undefined;
    switch (message.kind) {
      case messageKind.barrier: {
        const handler = options.barriers?.[message.path];
        if (handler === undefined) return message.path;
        await handler(child.pid);
        channel.release();
        break;
      }
      case messageKind.failed:
        throw failureOf(message, options.steps);
      case messageKind.terminal:
        child.terminal = message.fd;
        break;
      case messageKind.forked:
      case messageKind.started:
        onFork({ ...child });
        child.pid = message.number;
        child.pidfd = message.fd;
        break;
    }
  }
}

/**
 * Start a process from a plan: cloned without any of Node's memory, it executes only ctr-init, once, before
 * the plan's own program. Resolves at the first barrier without an entry, or once the program runs.
 *
 * @throws {KernelError} the step that failed, with the option that asked for it; the child is gone then
 */
export async function start(options: StartOptions): Promise<Child> {
  const plan = new PreparedPlan(options.steps, options.timing ?? false);
  const [ours, theirs] = check(native().channel(), "socketpair") as [number, number];
  const channel = new Channel(ours);
  const [stdin, stdout, stderr] = options.stdio ?? [0, 1, 2];
  const inherited = [stdin, stdout, stderr, plan.memfd, theirs, ...(options.fds ?? [])];
  const flags = (options.namespaces ?? []).reduce((sum, type) => sum + namespaceFlags[type], 0);
  const result = native().spawn(
    initProgram(),
    ["ctr-init", "start"],
    flags,
    options.cgroup ?? -1,
    Int32Array.from(inherited.flatMap((fd, at) => [fd, at])),
  );
  closeSync(theirs);
  if (typeof result === "number") {
    channel.close();
    plan[Symbol.dispose]();
    throw new KernelError({ syscall: "clone3", errno: -result, detail: cloneHint(-result, options.namespaces ?? []) });
  }
  const child: Starting = { ...result, terminal: undefined };
  // The intermediate process of a `fork` step ends at once and is ours to reap.
  const onFork = (old: Starting): void => void waitForChild(old.pidfd).then(() => closeSync(old.pidfd));
  const giveUp = async (error: unknown): Promise<never> => {
    native().pidfdSignal(child.pidfd, constants.signals.SIGKILL);
    channel.close();
    await waitForChild(child.pidfd);
    closeSync(child.pidfd);
    if (child.terminal !== undefined) closeSync(child.terminal);
    plan[Symbol.dispose]();
    throw error;
  };
  const stoppedAt = await follow(channel, child, options, onFork).catch(giveUp);
  const rest = stoppedAt === undefined ? Promise.resolve(undefined) : follow(channel, child, options, onFork);
  const running = rest.then(() => undefined).finally(() => channel.close());
  running.catch(() => undefined);
  return new Child({ ...child, running, channel, plan });
}

function cloneHint(errno: number, namespaces: readonly NamespaceType[]): string | undefined {
  const { ENOSPC, EPERM, EUSERS } = constants.errno as Record<string, number>;
  if (errno === ENOSPC || errno === EUSERS)
    return "the limit on namespaces is reached: see /proc/sys/user/max_*_namespaces";
  if (errno === EPERM && namespaces.includes("user"))
    return "this kernel lets only root make user namespaces: see the sysctls kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns";
  if (errno === EPERM) return "making namespaces needs root or a user namespace";
  return undefined;
}
