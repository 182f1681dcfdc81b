import { closeSync, createReadStream, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Step, StepBody } from "@ctr/plan";
import { onTestFinished } from "vitest";
import {
  Attachment,
  type Ending,
  HeldProcess,
  type MonitorOptions,
  makePipe,
  startBarrier,
  startMonitored,
  startTimeOf,
} from "../src/index.ts";
import { plan } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

/** What one line of log.json holds. */
export interface LogLine {
  readonly log: string;
  readonly stream: "stdout" | "stderr";
  readonly time: string;
}

/** Every line of a log, oldest first; throws when one is not JSON. */
export function readLog(directory: string, file: "log.json" | "log.json.1" = "log.json"): LogLine[] {
  const lines = readFileSync(join(directory, file), "utf8").split("\n");
  if (lines.pop() !== "") throw new Error("the last line has no end");
  return lines.map((line) => JSON.parse(line) as LogLine);
}

export interface MonitoredRun {
  readonly directory: string;
  readonly pid: number;
  readonly ending: Ending | undefined;
  readonly output: Buffer;
  readonly errors: Buffer;
}

export type MonitoredOptions = Partial<Omit<MonitorOptions, "steps">> & {
  /** Steps before the barrier where a container waits for its start. */
  readonly before?: readonly Step[];
  /** What the program reads. */
  readonly stdin?: string | Buffer;
  /** Called once the program runs. */
  readonly meanwhile?: (attachment: Attachment, pid: number) => void | Promise<void>;
};

/** Run a program under a monitor that is attached to from the start, and wait for both. */
export async function runMonitored(program: StepBody, o: MonitoredOptions = {}): Promise<MonitoredRun> {
  const directory = o.directory ?? temporaryDirectory();
  const [out, err] = [makePipe(), makePipe()];
  let attachment!: Attachment;
  const monitored = await startMonitored({
    namespaces: [],
    terminal: false,
    logLimit: 1 << 20,
    ...o,
    input: o.stdin !== undefined || (o.input ?? false),
    directory,
    steps: [...(o.before ?? []), ...plan({ do: "barrier", name: startBarrier }, program)],
    beforeStart: () => {
      attachment = new Attachment(directory);
      attachment.showOutput(out.write);
      attachment.showErrors(err.write);
      for (const { write } of [out, err]) closeSync(write);
      if (o.stdin !== undefined) attachment.readInput(fileOf(o.stdin));
    },
  });
  endWithTest(monitored.pid);
  await o.meanwhile?.(attachment, monitored.pid);
  const [ending, output, errors] = await Promise.all([attachment.ended(), readAll(out.read), readAll(err.read)]);
  attachment.close();
  closeSync(monitored.pidfd);
  return { directory, pid: monitored.pid, ending, output, errors };
}

/** All that comes out of an fd, which is closed then. */
export function readAll(fd: number): Promise<Buffer> {
  return buffer(createReadStream("", { fd }));
}

function fileOf(content: string | Buffer): number {
  const path = join(temporaryDirectory(), "input");
  writeFileSync(path, content);
  const fd = openSync(path, "r");
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** A test that fails must not leave its program behind. */
export function endWithTest(pid: number): void {
  const began = startTimeOf(pid);
  if (began === undefined) return;
  const held = HeldProcess.open(pid, began);
  if (held === undefined) return;
  onTestFinished(() => {
    held.kill("SIGKILL");
    held[Symbol.dispose]();
  });
}
