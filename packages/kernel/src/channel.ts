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

const waiting = new Map<number, () => void>();
let watching = false;

/** Resolves once `fd` can be read, or its other end is closed. `fd` must stay open until then. */
export function readable(fd: number): Promise<void> {
  if (!watching) {
    check(
      native().startWatching((ready) => {
        const resolve = waiting.get(ready);
        waiting.delete(ready);
        resolve?.();
      }),
      "epoll_create1",
    );
    watching = true;
  }
  return new Promise((resolve, reject) => {
    const error = native().watch(fd);
    if (error < 0) return reject(new KernelError({ syscall: "epoll_ctl", errno: -error }));
    waiting.set(fd, resolve);
  });
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
    for (;;) {
      const message = native().receive(this.fd);
      if (message === null || message === -ECONNRESET) return undefined;
      if (typeof message === "object") return message;
      if (message !== -EAGAIN) throw new KernelError({ syscall: "recvmsg", errno: -message });
      await readable(this.fd);
    }
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
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}
