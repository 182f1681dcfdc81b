import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Usage } from "../stopwatch.ts";
import type { Contestant } from "./turn.ts";

/** What a part works on. */
export interface PartsInput {
  readonly packed: readonly string[];
  readonly plain: readonly string[];
  readonly urls: readonly string[];
  readonly directory: string;
}

/** Each part, and what a table calls it. */
const parts = {
  "apply packed": "applyLayer() of the blobs, one by one: inflate, hash and write in one pass",
  "apply unpacked": "applyLayer() of the archives, one by one: hash and write",
  inflate: "inflate: streams of node:zlib, two layers at a time",
  "inflate in one thread": "inflate: gunzipSync(), one by one",
  "hash unpacked": "hash: SHA-256 of the archives, two at a time",
  "hash packed": "hash: SHA-256 of the blobs, two at a time",
  download: "download: node:http, two blobs at a time, dropped",
  "write packed": "write: the blobs, each with its fsync",
} as const;

export type PartName = keyof typeof parts;

/** The parts of a pull, each in a Node process of its own. */
export function pullParts(): Contestant[] {
  const program = fileURLToPath(new URL("parts-program.ts", import.meta.url));
  return Object.entries(parts).map(([part, name]) => ({
    name,
    answers: ["parts"],
    play: async (turn) => {
      const directory = join(turn.arena.directory, "part");
      mkdirSync(directory);
      const { layers, repository } = turn.samples.first;
      const input: PartsInput = {
        packed: layers.map(({ packed }) => packed),
        plain: layers.map(({ plain }) => plain),
        urls: layers.map(
          ({ descriptor }) => `http://${turn.registry.host}/v2/${repository}/blobs/${descriptor.digest}`,
        ),
        directory,
      };
      const command = ["--conditions=ctr-source", program, part, JSON.stringify(input)];
      const { stdout } = await promisify(execFile)(process.execPath, command);
      turn.record("parts", JSON.parse(stdout) as Usage);
    },
  }));
}
