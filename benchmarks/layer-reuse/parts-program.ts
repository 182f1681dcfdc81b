// One part of a pull alone, on the bytes of an image:
//
//   node parts-program.ts PART '{"packed": [FILE…], "plain": [FILE…], "urls": [URL…], "directory": EMPTY}'
//
// Prints what it used, from the first byte to the last; Node's own start is not in it.
import { createHash } from "node:crypto";
import { createReadStream, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { createGunzip, gunzipSync } from "node:zlib";
import { applyLayer } from "@ctr/layers";
import type { Usage } from "../stopwatch.ts";
import type { PartName, PartsInput } from "./parts.ts";

const chunkBytes = 256 << 10;
const input = JSON.parse(process.argv[3]!) as PartsInput;

const parts: Readonly<Record<PartName, () => Promise<void>>> = {
  download: () => twoAtATime(input.urls, async (url) => drop(await download(url))),
  "hash packed": () => twoAtATime(input.packed, hashFile),
  "hash unpacked": () => twoAtATime(input.plain, hashFile),
  "write packed": async () => {
    for (const [index, file] of input.packed.entries()) writeSynced(file, join(input.directory, `${index}`));
  },
  inflate: () =>
    twoAtATime(input.packed, (file) => drop(createReadStream(file).pipe(createGunzip({ chunkSize: chunkBytes })))),
  "inflate in one thread": async () => {
    for (const file of input.packed) gunzipSync(readFileSync(file));
  },
  "apply unpacked": () => oneByOne(input.plain),
  "apply packed": () => oneByOne(input.packed),
};

async function twoAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all([lane(), lane()]);
}

async function drop(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of chunks);
}

const agent = new Agent({ keepAlive: true });

function download(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).on("error", reject);
  });
}

async function hashFile(path: string): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) hash.update(chunk as Buffer);
  hash.digest();
}

function writeSynced(from: string, to: string): void {
  const file = openSync(to, "w");
  writeSync(file, readFileSync(from));
  fsyncSync(file);
}

async function oneByOne(archives: readonly string[]): Promise<void> {
  for (const [index, path] of archives.entries()) {
    const directory = join(input.directory, `${index}`);
    mkdirSync(directory);
    await applyLayer({ archive: createReadStream(path, { highWaterMark: chunkBytes }), directory });
  }
}

const before = process.cpuUsage();
const start = performance.now();
await parts[process.argv[2] as PartName]();
const milliseconds = performance.now() - start;
const { user, system } = process.cpuUsage(before);
agent.destroy();
const usage: Usage = {
  milliseconds,
  peakKiB: process.resourceUsage().maxRSS,
  processorMilliseconds: (user + system) / 1000,
};
process.stdout.write(JSON.stringify(usage));
