import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Step, StepBody } from "@ctr/plan";
import { type Child, type Ending, type StartOptions, start } from "../src/index.ts";
import { temporaryDirectory } from "./temporary.ts";

const because = { option: "test", why: "it is looked at from outside" };

/** Why a test that needs root does not run, or false. */
export const notRoot: boolean = process.getuid?.() !== 0;

/** A plan of these steps. */
export function plan(...steps: readonly StepBody[]): Step[] {
  return steps.map((step) => ({ ...step, because }) as Step);
}

/** The last step: a shell that runs `script`. */
export function shell(script: string, ...args: string[]): StepBody {
  return { do: "exec", argv: ["/bin/sh", "-c", script, "sh", ...args], env: ["PATH=/usr/bin:/bin"] };
}

/** Nothing that is mounted from here on is seen by the machine. */
export const ownMounts: StepBody = {
  do: "setMount",
  in: "host",
  target: "/",
  recursive: true,
  set: [],
  clear: [],
  propagation: "private",
};

/** Start `steps`, wait for the end, and give what was written to standard output and error. */
export async function outputOf(
  options: Omit<StartOptions, "stdio">,
): Promise<{ output: string; ending: Ending; child: Child }> {
  const path = join(temporaryDirectory(), "output");
  const file = openSync(path, "a+");
  const input = openSync("/dev/null", "r");
  try {
    const child = await start({ ...options, stdio: [input, file, file] });
    const ending = await child.ended();
    return { output: readFileSync(path, "utf8"), ending, child };
  } finally {
    closeSync(file);
    closeSync(input);
  }
}
