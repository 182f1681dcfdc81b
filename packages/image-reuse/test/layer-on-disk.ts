import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { perform } from "@ctr/kernel";
import { afterAll } from "vitest";

/** Why a test that makes layers does not run, or false: whiteouts are devices, files belong to many users. */
export const notRoot: boolean = process.getuid?.() !== 0;

/** One name of a layer as its diff directory has it. */
export type Made = { readonly path: string; readonly mode?: number; readonly uid?: number; readonly time?: number } & (
  | { readonly file: string }
  | { readonly directory: "plain" | "opaque" }
  | { readonly symlink: string }
  | { readonly link: string }
  | { readonly whiteout: true }
);

const because = { option: "makeLayer", why: "a layer for a test" };
const made: string[] = [];
afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A directory that is gone after the tests of a file. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-image-reuse-"));
  made.push(directory);
  return directory;
}

/** A layer's directory. What cannot be made, since its parent is a file or its name is taken, is left out. */
export function makeLayer(names: readonly Made[], directory: string = temporary()): string {
  mkdirSync(directory, { recursive: true });
  for (const name of names) make(directory, name);
  for (const { path } of names)
    for (let up = dirname(path); up !== "."; up = dirname(up)) setTime(join(directory, up), 1);
  for (const { path, time } of names) setTime(join(directory, path), time ?? 1);
  lutimesSync(directory, 1, 1);
  return directory;
}

function make(root: string, name: Made): void {
  const path = join(root, name.path);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch {
    return; // its parent is a file
  }
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  if ("link" in name) linkSync(join(root, name.link), path);
  else if ("whiteout" in name) perform([{ do: "makeNode", in: "host", path, ...whiteout, because }]);
  else makePlain(path, name);
}

function makePlain(path: string, name: Exclude<Made, { link: string } | { whiteout: true }>): void {
  if ("file" in name) writeFileSync(path, name.file);
  else if ("directory" in name) mkdirSync(path);
  else symlinkSync(name.symlink, path);
  if ("directory" in name && name.directory === "opaque")
    perform([{ do: "setXattr", in: "host", path, name: "trusted.overlay.opaque", value: Buffer.from("y"), because }]);
  lchownSync(path, name.uid ?? 0, 0);
  if (!("symlink" in name)) chmodSync(path, name.mode ?? ("file" in name ? 0o644 : 0o755));
}

const whiteout = { kind: "character", major: 0, minor: 0, mode: 0, uid: 0, gid: 0 } as const;

function setTime(path: string, time: number): void {
  try {
    lutimesSync(path, time, time);
  } catch {
    // It is one that was left out.
  }
}
