import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeArchive } from "@ctr/layers";
import type { Usage } from "../stopwatch.ts";
import { Contents } from "./sample-contents.ts";
import { layerMembers, samplePlans } from "./sample-layers.ts";
import type { Contestant } from "./turn.ts";

/** A container's directories, as overlay has them. */
export interface DiffInput {
  readonly upper: string;
  /** Newest first. */
  readonly lowers: readonly string[];
}

export const listName = "listChanges()";

/** The library on an image of five times the sample's size, in which a container has appended to one file. */
export function diffs(input: DiffInput): Contestant[] {
  const program = fileURLToPath(new URL("diff-program.ts", import.meta.url));
  const call = (name: string, what: "changes" | "layer"): Contestant => ({
    name,
    answers: ["diff"],
    play: async (turn) => {
      const command = ["--conditions=ctr-source", program, what, JSON.stringify(input)];
      const { stdout } = await promisify(execFile)(process.execPath, command);
      turn.record("diff", JSON.parse(stdout) as Usage);
    },
  });
  return [call(listName, "changes"), call("diffLayer(), all bytes read", "layer")];
}

/** Unpack the layers below `directory`, mount them once and change a file. @param scale  5 is 1 GB */
export async function prepareDiff(directory: string, scale: number): Promise<DiffInput> {
  const at = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const contents = new Contents();
  const lowers: string[] = [];
  for (const [index, plan] of samplePlans(scale).entries()) {
    const lower = at(`lower/${index}`);
    const tar = spawn("tar", ["-x", "-C", lower], { stdio: ["pipe", "ignore", "inherit"] });
    const ended = once(tar, "exit");
    await pipeline(writeArchive(layerMembers(plan, undefined, contents)), tar.stdin);
    if ((await ended)[0] !== 0) throw new Error("tar could not unpack a layer of the 1 GB image");
    lowers.unshift(lower);
  }
  const [upper, work, merged] = [at("upper"), at("work"), at("merged")];
  const options = `lowerdir=${lowers.join(":")},upperdir=${upper},workdir=${work}`;
  execFileSync("mount", ["-t", "overlay", "-o", options, "overlay", merged]);
  const source = join(merged, "app/src");
  const file = readdirSync(source, { recursive: true, withFileTypes: true }).find((entry) => entry.isFile())!;
  appendFileSync(join(file.parentPath, file.name), "changed\n");
  execFileSync("umount", [merged]);
  return { upper, lowers };
}
