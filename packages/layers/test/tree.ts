import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listXattrs } from "@ctr/kernel";
import { decodeName, encodeName } from "@ctr/plan";
import { afterEach } from "vitest";

export const isRoot: boolean = process.getuid?.() === 0;

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A new directory that is gone after the test. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-layers-"));
  made.push(directory);
  return directory;
}

/** Everything that a layer should keep of a tree, as text by name. Names of one file name the first of them. */
export function describeTree(directory: string): Record<string, string> {
  const first = new Map<string, string>();
  const lines: Record<string, string> = {};
  const visit = (name: string): void => {
    const path = join(directory, name);
    const bytes = Buffer.from(encodeName(path));
    const stat = lstatSync(bytes, { bigint: true });
    const key = `${stat.dev}:${stat.ino}`;
    if (!stat.isDirectory() && !first.has(key)) first.set(key, name);
    const what = stat.isSymbolicLink()
      ? `-> ${decodeName(readlinkSync(bytes, { encoding: "buffer" }))}`
      : stat.isFile()
        ? `${stat.size} ${createHash("sha256").update(readFileSync(bytes)).digest("hex").slice(0, 8)}`
        : stat.isDirectory()
          ? ""
          : `dev ${stat.rdev}`;
    const xattrs = Object.entries(listXattrs({ path })).map(
      ([key, value]) => `${key}=${Buffer.from(value).toString("hex")}`,
    );
    const link = stat.isDirectory() ? "" : `= ${first.get(key)}`;
    lines[name] = [
      stat.mode.toString(8),
      stat.uid,
      stat.gid,
      name === "" ? "" : stat.mtimeNs,
      what,
      link,
      ...xattrs.sort(),
    ].join(" ");
    if (stat.isDirectory())
      for (const child of readdirSync(bytes, { encoding: "buffer" }).map(decodeName).sort())
        visit(name === "" ? child : `${name}/${child}`);
  };
  visit("");
  return lines;
}
