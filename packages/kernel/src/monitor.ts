import { closeSync, openSync, unlinkSync } from "node:fs";
import { type NamespaceType, namespaceFlags, type Step } from "@ctr/plan";
import { Channel, messageKind } from "./channel.ts";
import { check, failureOf, KernelError } from "./kernel-error.ts";
import { initProgram, native } from "./native.ts";
import { type Ending, endingOf, PreparedPlan, type StartOptions, type StepTime, waitForChild } from "./start.ts";

/** Where a monitored container sends the master of its terminal: the `send` field of `openTerminal`. */
export const monitorConsoleFd = 5;

export interface MonitorOptions {
  readonly steps: readonly Step[];
  readonly namespaces: readonly NamespaceType[];
  readonly cgroup?: number | undefined;
  /** The container's directory: gets `log.json`, `exit` and the socket `attach`. */
  readonly directory: string;
  readonly terminal: boolean;
  /** Give the program an open standard input, fed by who attaches. */
  readonly input: boolean;
  /** Bytes of log kept, twice; 0 keeps none. */
  readonly logLimit: number;
  /** What the monitor becomes when the container has ended. */
  readonly after?: readonly string[];
  readonly barriers?: StartOptions["barriers"];
  readonly timing?: boolean;
  /** Called when the container can be attached to and has not run yet. */
  readonly beforeStart?: (pid: number) => void | Promise<void>;
}

/** A container that a monitor stays with. */
export interface Monitored {
  readonly pid: number;
  /** The caller owns it. Not a child of this process: it can be polled and signalled, not reaped. */
  readonly pidfd: number;
  readonly timing: () => StepTime[];
}

/** A path to `name` in a directory whose own path may be longer than a socket address. */
function throughFd<T>(directory: string, name: string, use: (path: string) => T): T {
  const fd = openSync(directory, 0o200000 /* O_DIRECTORY */);
  try {
    return use(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
}

function listen(directory: string): number {
  return throughFd(directory, "attach", (path) => {
    try {
      unlinkSync(path);
    } catch {
      // There was none.
    }
    return check(native().listenAt(path), "bind", `${directory}/attach`);
  });
}

/** The barrier that every monitored plan waits at before its last step. */
export const startBarrier = "start";

/**
 * Start a container under a monitor of its own, which outlives this process.
 *
 * @throws {KernelError} the step that failed; monitor and container are gone then
 */
export async function startMonitored(options: MonitorOptions): Promise<Monitored> {
  const plan = new PreparedPlan(options.steps, options.timing ?? false);
  const [ours, theirs] = check(native().channel(), "socketpair") as [number, number];
  const channel = new Channel(ours);
  const nothing = openSync("/dev/null", "r+");
  const directory = openSync(options.directory, 0o200000);
  const listener = listen(options.directory);
  const inherited = [nothing, nothing, nothing, plan.memfd, theirs, listener, directory];
  if (options.cgroup !== undefined) inherited.push(options.cgroup);
  const flags = options.namespaces.reduce((sum, type) => sum + namespaceFlags[type], 0);
  const monitor = native().spawn(
    initProgram(),
    [
      ...["ctr-init", "monitor", String(flags), options.cgroup === undefined ? "-1" : "7"],
      ...[options.terminal ? "1" : "0", options.input ? "1" : "0", String(options.logLimit), ...(options.after ?? [])],
    ],
    0,
    -1,
    Int32Array.from(inherited.flatMap((fd, at) => [fd, at])),
  );
  for (const fd of [nothing, directory, listener, theirs]) closeSync(fd);
  try {
    if (typeof monitor === "number") throw new KernelError({ syscall: "clone3", errno: -monitor });
    // It may outlive this process; should it not, somebody has to reap it.
    void waitForChild(monitor.pidfd, true).finally(() => closeSync(monitor.pidfd));
    return { ...(await followMonitor(channel, options)), timing: () => plan.timing() };
  } finally {
    channel.close();
    plan[Symbol.dispose]();
  }
}

/** The container's first process, as the monitor and a `fork` step tell of it. */
interface First {
  readonly pid: number;
  readonly pidfd: number;
}

async function followMonitor(channel: Channel, options: MonitorOptions): Promise<First> {
  let started = false;
  let first: First | undefined;
  // The first process may speak before the monitor says which pid it has.
  const early: (() => Promise<void>)[] = [];
  const atBarrier = async (name: string): Promise<void> => {
    if (name === startBarrier) await options.beforeStart?.(first!.pid);
    else await options.barriers?.[name]?.(first!.pid);
    channel.release();
  };
  try {
    for (;;) {
      const message = await channel.next();
      if (message === undefined) {
        if (first === undefined) throw new KernelError({ syscall: "ctr-init monitor", errno: 32 });
        return first;
      }
      if (message.kind === messageKind.failed) throw failureOf(message, options.steps);
      if (message.kind === messageKind.forked) {
        if (first !== undefined) closeSync(first.pidfd);
        first = { pid: message.number, pidfd: message.fd };
      }
      if (message.kind === messageKind.started) {
        started = true;
        if (first === undefined) first = { pid: message.number, pidfd: message.fd };
        else closeSync(message.fd); // a child of it has taken its place already
      }
      if (message.kind === messageKind.barrier) early.push(() => atBarrier(message.path));
      if (started) for (const handle of early.splice(0)) await handle();
    }
  } catch (error) {
    if (first !== undefined) closeSync(first.pidfd);
    throw error;
  }
}

/** A connection to the monitor of a container. */
export class Attachment {
  readonly #channel: Channel;

  /** @throws {KernelError} ENOENT or ECONNREFUSED when no monitor listens in `directory` any more */
  constructor(directory: string) {
    const fd = throughFd(directory, "attach", (path) => native().connectTo(path));
    this.#channel = new Channel(check(fd, "connect", `${directory}/attach`));
  }

  /** The container's output goes to `fd` too, from now on. */
  showOutput(fd: number): void {
    this.#channel.send({ kind: messageKind.attachOutput, fd });
  }

  showErrors(fd: number): void {
    this.#channel.send({ kind: messageKind.attachErrors, fd });
  }

  /** What can be read from `fd` goes to the container; its end is the end of the container's input. */
  readInput(fd: number): void {
    this.#channel.send({ kind: messageKind.attachInput, fd });
  }

  resize(size: { rows: number; columns: number }): void {
    this.#channel.send({ kind: messageKind.resize, step: size.rows, number: size.columns });
  }

  /** How the container ended; undefined when the monitor went away without a word. */
  async ended(): Promise<Ending | undefined> {
    for (;;) {
      const message = await this.#channel.next();
      if (message === undefined) return undefined;
      if (message.kind === messageKind.exited) return endingOf(message.number);
    }
  }

  close(): void {
    this.#channel.close();
  }
}
