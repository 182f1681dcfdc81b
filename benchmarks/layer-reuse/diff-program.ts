// A diff in the library, once, in a Node process that has just done it a few times:
//
//   node diff-program.ts changes|layer '{"upper": DIRECTORY, "lowers": [DIRECTORY…]}'
//
// Prints what it used.
import { diffLayer, listChanges } from "@ctr/layers";
import type { Usage } from "../stopwatch.ts";
import type { DiffInput } from "./diff.ts";

const warmUps = 5;
const { upper, lowers } = JSON.parse(process.argv[3]!) as DiffInput;

async function diff(): Promise<void> {
  if (process.argv[2] === "changes") for await (const _ of listChanges({ upper, lowers }));
  else for await (const _ of diffLayer({ upper }));
}

for (let turn = 0; turn < warmUps; turn++) await diff();
const before = process.cpuUsage();
const start = performance.now();
await diff();
const milliseconds = performance.now() - start;
const { user, system } = process.cpuUsage(before);
const usage: Usage = {
  milliseconds,
  peakKiB: process.resourceUsage().maxRSS,
  processorMilliseconds: (user + system) / 1000,
};
process.stdout.write(JSON.stringify(usage));
