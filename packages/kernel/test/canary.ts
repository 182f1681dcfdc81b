import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { listXattrs } from "../src/index.ts";
import { temporaryDirectory } from "./temporary.ts";

/** A directory outside of every tree that a step may touch, and a way to see whether one did. */
export interface Canary {
  readonly path: string;
  isUntouched(): void;
}

export function canary(): Canary {
  const path = join(temporaryDirectory(), "canary");
  mkdirSync(join(path, "sub"), { recursive: true });
  writeFileSync(join(path, "file"), "alive");
  writeFileSync(join(path, "sub/file"), "alive");
  const before = describeTree(path);
  return { path, isUntouched: () => expect(describeTree(path)).toEqual(before) };
}

function describeTree(path: string): unknown {
  const { mode, uid, gid, nlink, size, mtimeMs } = lstatSync(path);
  const status = { mode, uid, gid, nlink, size, mtimeMs, xattrs: listXattrs({ path }) };
  if (!lstatSync(path).isDirectory()) return { ...status, content: readFileSync(path, "utf8") };
  const inside = readdirSync(path).sort();
  return { ...status, inside: inside.map((name) => [name, describeTree(join(path, name))]) };
}
