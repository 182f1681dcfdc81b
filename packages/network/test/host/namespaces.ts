import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { netlinkRequest } from "@ctr/kernel";
import type { Step } from "@ctr/plan";

// Network namespaces for tests, each held by a process of its own, and programs that talk inside them.

/** Why root tests cannot run here; undefined when they can. */
export const missing: string | undefined =
  process.getuid?.() !== 0
    ? "needs root"
    : spawnSync("nsenter", ["--version"]).error !== undefined
      ? "needs nsenter and unshare of util-linux"
      : undefined;

export const hasNft: boolean = spawnSync("nft", ["--version"]).error === undefined;

export class Namespace implements AsyncDisposable {
  readonly pid: number;
  readonly #holder: ChildProcess;
  readonly #programs: ChildProcess[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.pid = holder.pid!;
  }

  static async make(): Promise<Namespace> {
    // Says a word once it is in its namespace, then waits for the end of its stdin.
    const holder = spawn("unshare", ["--net", "sh", "-c", "echo made; exec cat"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(holder.stdout!, "data");
    if (readlinkSync(`/proc/${holder.pid}/ns/net`) === readlinkSync("/proc/self/ns/net"))
      throw new Error("the test's namespace is the machine's own");
    return new Namespace(holder);
  }

  get path(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** Do what a container does in its own namespace. */
  perform(steps: readonly Step[]): Buffer[] {
    return steps.map((step) => {
      if (step.do !== "sendNetlink") throw new Error(`a network has no step ${step.do}`);
      return Buffer.from(netlinkRequest({ protocol: step.protocol, messages: step.messages, namespace: this.path }));
    });
  }

  /** Output of a program that runs in here. */
  run(...argv: readonly string[]): string {
    const done = spawnSync("nsenter", [`--net=${this.path}`, ...argv], { encoding: "utf8" });
    return done.status === 0 ? done.stdout : `status ${done.status}: ${done.stderr}`;
  }

  /** A server that greets with `word` and the address that it sees. Ready when this resolves. */
  async serve(o: { protocol?: "tcp" | "udp"; address?: string; port: number; word: string }): Promise<void> {
    const args = [server, o.protocol ?? "tcp", o.address ?? "0.0.0.0", String(o.port), o.word];
    const program = spawn("nsenter", [`--net=${this.path}`, process.execPath, "-e", ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#programs.push(program);
    await once(program.stdout!, "data");
  }

  /** What a server answers, or the code of the failure; `silence` after a second of neither. */
  call(address: string, port: number, protocol: "tcp" | "udp" = "tcp"): string {
    return this.run(process.execPath, "-e", client, protocol, address, String(port)).trim();
  }

  /** A UDP client that asks again and again from one port. */
  async keepAsking(
    address: string,
    port: number,
  ): Promise<{ next(): Promise<string>; until(word: string): Promise<boolean> }> {
    const args = ["-e", persistent, address, String(port)];
    const program = spawn("nsenter", [`--net=${this.path}`, process.execPath, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#programs.push(program);
    const lines = createInterface({ input: program.stdout! })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => (await lines.next()).value ?? "ended";
    return {
      next,
      until: async (word) => {
        for (let i = 0; i < 2000; i++) if ((await next()) === word) return true;
        return false;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#programs, this.#holder]) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
      child.kill("SIGKILL");
      await ended;
    }
  }
}

const server = `
  const [protocol, address, port, word] = process.argv.slice(1);
  if (protocol === "tcp")
    require("node:net").createServer((socket) => socket.end(word + " " + socket.remoteAddress)).listen(+port, address, () => console.log("ready"));
  else {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (_, from) => socket.send(word + " " + from.address, from.port, from.address));
    socket.bind(+port, address, () => console.log("ready"));
  }`;

const client = `
  const [protocol, address, port] = process.argv.slice(1);
  const say = (text) => { console.log(String(text)); process.exit(0); };
  setTimeout(() => say("silence"), 1000);
  if (protocol === "tcp") {
    const socket = require("node:net").connect(+port, address);
    socket.on("data", say);
    socket.on("error", (error) => say(error.code));
  } else {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", say);
    socket.send("hello", +port, address);
  }`;

const persistent = `
  const [address, port] = process.argv.slice(1);
  const socket = require("node:dgram").createSocket("udp4");
  const ask = () => socket.send("hello");
  socket.on("message", (text) => console.log(String(text)));
  socket.on("error", (error) => console.log(error.code));
  socket.connect(+port, address, () => setInterval(ask, 5));`;
