import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { program } from "../ctr.ts";

/** Why nothing can be traced here, or false. */
export const cannotTrace: boolean = process.getuid?.() !== 0 || process.arch !== "x64";

/** What happens to a call that changes the state directory; they are numbered from 1. */
export type Mishap =
  | { readonly kind: "count"; readonly reads?: boolean }
  /** The process, with all its threads and children, is killed instead. */
  | { readonly kind: "kill"; readonly at: number }
  /** The call fails. Opening a file to read it counts then too. */
  | { readonly kind: "fail"; readonly at: number; readonly errno: Errno };

export type Errno = "ENOSPC" | "EIO" | "EMFILE" | "ENOMEM";

export interface Traced {
  /** As a shell would see it; undefined for one that was stopped because it hung. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** How many calls there were. */
  readonly calls: number;
  /** `rename /images/index.json`: all of them when they are counted, else the one that did not happen. */
  readonly met: readonly string[];
}

/** Longer than that nobody waits for a command. */
const hangMilliseconds = 30_000;

/** Runs `ctr` under tracer.c. */
export class Tracer {
  readonly #program: string;
  readonly #report: string;

  /** @param directory  for the program and its reports */
  constructor(directory: string) {
    this.#program = join(directory, "tracer");
    this.#report = join(directory, "report");
    const source = join(import.meta.dirname, "tracer.c");
    execFileSync(process.env.CC ?? "cc", ["-O1", "-Wall", "-Wextra", "-Werror", "-o", this.#program, source]);
  }

  /** `ctr --root ROOT args`, with a mishap. Nothing of it runs any more when this resolves. */
  async run(root: string, args: readonly string[], mishap: Mishap): Promise<Traced> {
    const done = await execa(
      this.#program,
      [this.#report, root, ...wordsOf(mishap), "--", process.execPath, "--", program, "--root", root, ...args],
      { reject: false, stdin: "ignore", timeout: hangMilliseconds, killSignal: "SIGKILL" },
    );
    const hung = done.timedOut;
    if (!hung && done.exitCode !== 0) throw new Error(`the tracer failed: ${done.stderr}`);
    const lines = readFileSync(this.#report, "utf8").trimEnd().split("\n");
    const [, calls, status] = /^end (\d+) (\d+)$/.exec(hung ? "end 0 0" : (lines.pop() ?? "")) ?? [];
    return {
      status: hung ? undefined : shellStatus(Number(status)),
      stdout: done.stdout,
      stderr: done.stderr,
      calls: Number(calls),
      met: lines,
    };
  }
}

function wordsOf(mishap: Mishap): readonly string[] {
  switch (mishap.kind) {
    case "count":
      return mishap.reads ? ["fail", "0", "0"] : ["count"];
    case "kill":
      return ["kill", String(mishap.at)];
    case "fail":
      return ["fail", String(mishap.at), String(constants.errno[mishap.errno])];
  }
}

/** @see wait(2): the signal is in the low seven bits, the exit code above them */
const shellStatus = (status: number): number => ((status & 0x7f) === 0 ? status >> 8 : 128 + (status & 0x7f));
