import { closeSync } from "node:fs";
import { check, KernelError } from "./kernel-error.ts";
import { type NativeMessage, native } from "./native.ts";

/** enum message_kind and enum attach_kind of packages/kernel/native. */
export const messageKind = {
  barrier: 1,
  failed: 2,
  terminal: 3,
  forked: 4,
  started: 5,
  exited: 6,
  attachInput: 20,
  attachOutput: 21,
  attachErrors: 22,
  resize: 23,
} as const;

interface Waiting {
  readonly id: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  /** The process stays for it. */
  loud: boolean;
}

const waiting = new Map<number, Waiting>(); // by fd
const fdOf = new Map<number, number>(); // by id
let lastId = 0;
let watching = false;
let held = false;

function startWatching(): void {
  if (watching) return;
  const answer = (id: number): void => {
    const fd = fdOf.get(id);
    if (fd !== undefined) settle(fd);
  };
  check(native().startWatching(answer), "epoll_create1");
  watching = true;
}

/** The process stays as long as somebody waits loudly. */
function holdLoop(): void {
  const hold = waiting.values().some(({ loud }) => loud);
  if (hold !== held) native().holdLoop(hold ? 1 : 0);
  held = hold;
}

function settle(fd: number): void {
  const found = waiting.get(fd);
  if (found === undefined) return;
  waiting.delete(fd);
  fdOf.delete(found.id);
  holdLoop();
  found.resolve();
}

/**
 * Resolves once `fd` can be read, or its other end is closed, or `closeWatched` closes it.
 *
 * @param quiet  does not keep this process from ending
 */
export function readable(fd: number, quiet = false): Promise<void> {
  startWatching();
  let found = waiting.get(fd);
  if (found === undefined) {
    const id = ++lastId;
    const error = native().watch(fd, id);
    if (error < 0) return Promise.reject(new KernelError({ syscall: "epoll_ctl", errno: -error }));
    found = { id, ...Promise.withResolvers<void>(), loud: !quiet };
    waiting.set(fd, found);
    fdOf.set(id, fd);
  }
  found.loud ||= !quiet;
  holdLoop();
  return found.promise;
}

/** Close an fd that somebody may wait for: then they wait no longer. */
export function closeWatched(fd: number): void {
  settle(fd);
  closeSync(fd);
}

const EAGAIN = 11;
const ECONNRESET = 104;

/** One end of a connection to a child or a monitor. Owns its fd. */
export class Channel {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** The next message, or undefined at the end. */
  async next(): Promise<NativeMessage | undefined> {
    while (this.#open) {
      const message = native().receive(this.fd);
      if (message === null || message === -ECONNRESET) return undefined;
      if (typeof message === "object") return message;
      if (message !== -EAGAIN) throw new KernelError({ syscall: "recvmsg", errno: -message });
      await readable(this.fd);
    }
    return undefined;
  }

  /** @param message.fd  is shared with the receiver; the caller keeps its own. */
  send(message: { kind: number; step?: number; number?: number; fd?: number }): void {
    check(native().send(this.fd, message.kind, message.step ?? 0, message.number ?? 0, message.fd ?? -1), "sendmsg");
  }

  /** Let a child go on from its barrier. A child that is gone is told of by `next`. */
  release(): void {
    native().go(this.fd);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeWatched(this.fd);
  }
}
