import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Cgroup } from "../../src/index.ts";

/** A shell that joins `cgroup` as a container's first process does, by itself, and runs `command`. */
export function startIn(cgroup: Cgroup, command: string, ...args: string[]): ChildProcess {
  const joins = cgroup.joinSteps.map((it) => (it.do === "write" ? `echo ${it.text} > '${it.path}'` : "exit 99"));
  const script = [...joins, "echo joined", command].join("\n");
  return spawn("sh", ["-ec", script, "sh", ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Wait for the shell's word that it has joined. */
export async function joined(child: ChildProcess): Promise<void> {
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false }))
    if (String(chunk).includes("joined")) return;
  throw new Error("the child ended before it joined");
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** The child's end, with all that it has written. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  const [code, signal] = await once(child, "close");
  return { code, signal, output };
}

/** Run `command` inside and wait for its end. */
export function runIn(cgroup: Cgroup, command: string, ...args: string[]): Promise<Ended> {
  return ended(startIn(cgroup, command, ...args));
}
