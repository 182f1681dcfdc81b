import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { execa } from "execa";
import { afterAll, beforeAll, expect } from "vitest";
import { Traces } from "./traces.ts";

/** Why a test that makes containers does not run, or false. */
export const notRoot: boolean = process.getuid?.() !== 0;

/** What people type as `ctr`. `npm test` has bundled it. */
export const program: string = join(import.meta.dirname, "../bin/ctr.js");

export interface Result {
  /** As a shell would see it; 128 and its number for a signal. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  /** What the command reads; without it, nothing. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The command on a state directory of its own. */
export class Ctr {
  readonly root: string;
  /** All that its containers may leave behind. */
  readonly traces: Traces;

  constructor(root: string) {
    this.root = root;
    this.traces = new Traces(root);
  }

  /** Run `ctr --root … args`. */
  async call(args: readonly string[], o: CallOptions = {}): Promise<Result> {
    const { input, env, cwd } = o;
    const done = await execa(process.execPath, ["--", program, "--root", this.root, ...args], {
      reject: false,
      stripFinalNewline: false,
      maxBuffer: 1 << 28,
      ...(input === undefined ? { stdin: "ignore" } : { input }),
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
    });
    if (done.exitCode === undefined && done.signal === undefined) throw done; // it could not be started at all
    return {
      status: done.exitCode ?? 128 + constants.signals[done.signal!],
      stdout: String(done.stdout),
      stderr: String(done.stderr),
    };
  }

  /** What a call that must work prints, without the last line feed. */
  async say(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.call(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout.replace(/\n$/, "");
  }

  /** `ctr run --rm --network none FLAGS busybox sh -c SCRIPT` */
  run(flags: readonly string[], script: string, o?: CallOptions): Promise<Result> {
    return this.call(["run", "--rm", "--network", "none", ...flags, "busybox", "sh", "-c", script], o);
  }

  /** Start a container that goes on until it is told to stop; its id. */
  start(...flags: string[]): Promise<string> {
    return this.background(flags, "trap 'exit 0' TERM; echo ready; while :; do sleep 1 & wait $!; done");
  }

  /** `ctr run -d --network none FLAGS busybox sh -c SCRIPT`; the id */
  background(flags: readonly string[], script: string): Promise<string> {
    return this.say("run", "-d", "--network", "none", ...flags, "busybox", "sh", "-c", script);
  }

  /** Resolves when a container has written `text`. */
  async wrote(container: string, text: string): Promise<void> {
    using engine = openEngine({ root: this.root });
    const enough = new AbortController();
    let seen = "";
    for await (const { log } of engine.containers.logs(container, { follow: true, signal: enough.signal })) {
      seen += log;
      if (seen.includes(text)) enough.abort();
    }
    expect(seen).toContain(text);
  }

  async removeContainers(): Promise<void> {
    using engine = openEngine({ root: this.root });
    for (const { id } of await engine.containers.list()) await engine.containers.remove(id, { force: true });
    await engine.housekeeping({ network: true });
  }
}

/** A state directory with an image "busybox" for the tests of a file or block; nothing of it is left at the end. */
export function temporaryCtr(): Ctr {
  const ctr = new Ctr(mkdtempSync(join(tmpdir(), "ctr-cli-")));
  beforeAll(async () => {
    expect(existsSync(join(import.meta.dirname, "../dist/bundle/ctr.js")), "npm run build makes the bundle").toBe(true);
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    ctr.traces.begin();
  });
  afterAll(async () => {
    try {
      await ctr.removeContainers();
      expect(await ctr.traces.left()).toEqual([]);
    } finally {
      ctr.traces.end();
      rmSync(ctr.root, { recursive: true, force: true });
    }
  });
  return ctr;
}
