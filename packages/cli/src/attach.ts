import { closeSync, createReadStream, createWriteStream } from "node:fs";
import { type Attachment, makePipe } from "@ctr/kernel";

/** The terminal that the command was called from, when it is one. */
export function callersTerminal(): { rows: number; columns: number } | undefined {
  return process.stdout.isTTY ? { rows: process.stdout.rows, columns: process.stdout.columns } : undefined;
}

export interface AttachOptions {
  readonly tty: boolean;
  readonly interactive: boolean;
}

/**
 * Connect a container to this process's standard streams. Output does not pass through here: the monitor
 * writes to our stdout and stderr itself. What is typed does.
 *
 * @returns a function that gives the terminal back as it was
 */
export function attach(attachment: Attachment, o: AttachOptions): () => void {
  attachment.showOutput(1);
  if (!o.tty) attachment.showErrors(2);
  if (!o.interactive) return () => undefined;
  const pipe = makePipe();
  attachment.readInput(pipe.read);
  closeSync(pipe.read); // with the monitor's end alone, a write that nobody will read fails instead of waiting for ever
  process.stdin.pipe(createWriteStream("", { fd: pipe.write })).on("error", () => undefined); // the container has ended
  const restore = o.tty ? rawMode() : () => undefined;
  const resize = (): void => {
    const size = callersTerminal();
    if (o.tty && size !== undefined) attachment.resize(size);
  };
  process.on("SIGWINCH", resize);
  return () => {
    process.off("SIGWINCH", resize);
    restore();
    process.stdin.destroy();
  };
}

/** Every key goes to the program, Ctrl-C too. */
function rawMode(): () => void {
  if (!process.stdin.isTTY) return () => undefined;
  process.stdin.setRawMode(true);
  return () => process.stdin.setRawMode(false);
}

/** Connect a terminal's master, which this process has, to its standard streams until the other end closes. */
export function attachMaster(
  master: number,
  interactive: boolean,
): { readonly closed: Promise<void>; readonly restore: () => void } {
  const output = createReadStream("", { fd: master, autoClose: false });
  output.pipe(process.stdout, { end: false });
  const closed = new Promise<void>((resolve) => output.on("error", () => resolve()).on("end", () => resolve())); // EIO is a terminal's end
  if (!interactive) return { closed, restore: () => undefined };
  const restore = rawMode();
  process.stdin.pipe(createWriteStream("", { fd: master, autoClose: false })).on("error", () => undefined);
  return {
    closed,
    restore: () => {
      restore();
      process.stdin.destroy();
    },
  };
}

/** Hand signals that reach this command to the program. Returns a function that stops it. */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
  for (const signal of signals) process.on(signal, send);
  return () => {
    for (const signal of signals) process.off(signal, send);
  };
}
