import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTextIn } from "../src/index.ts";

const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), "ctr-rootfs-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
};

/** A rootfs with one thing at /etc/passwd. */
function read(make: (at: string, outside: string) => void, limit = 1024): string | undefined {
  const top = directory();
  const outside = join(top, "secret");
  writeFileSync(outside, "of the host");
  mkdirSync(join(top, "rootfs/etc"), { recursive: true });
  writeFileSync(join(top, "rootfs/inside"), "of the container");
  make(join(top, "rootfs/etc/passwd"), outside);
  const root = openSync(join(top, "rootfs"), "r");
  try {
    return readTextIn({ root, path: "/etc/passwd", limit });
  } finally {
    closeSync(root);
  }
}

const cases: readonly { make: (at: string, outside: string) => void; is: string | undefined; why: string }[] = [
  { make: (at) => writeFileSync(at, "root:x:0:0\n"), is: "root:x:0:0\n", why: "a file" },
  { make: (at) => writeFileSync(at, ""), is: "", why: "an empty one" },
  { make: () => undefined, is: undefined, why: "none" },
  { make: (at) => mkdirSync(at), is: undefined, why: "a directory" },
  { make: (at) => symlinkSync("../inside", at), is: "of the container", why: "a symlink inside" },
  { make: (at) => symlinkSync("/inside", at), is: "of the container", why: "an absolute one means the rootfs" },
  { make: (at, outside) => symlinkSync(outside, at), is: undefined, why: "the host's file by its path" },
  { make: (at) => symlinkSync("../../secret", at), is: undefined, why: "by dots" },
  { make: (at, outside) => symlinkSync(`/proc/self/root${outside}`, at), is: undefined, why: "by a magic link" },
  { make: (at) => symlinkSync("passwd", at), is: undefined, why: "a loop" },
  { make: (at) => symlinkSync("/dev/zero", at), is: undefined, why: "a device that never ends" },
  {
    make: (at) => void execFileSync("mkfifo", [at]),
    is: undefined,
    why: "a FIFO that nobody writes to (CVE-2026-47262)",
  },
];
for (const { make, is, why } of cases) test(`/etc/passwd is ${why}`, () => expect(read(make)).toBe(is));

test("a file over the limit is refused, before it is read (1 TB, sparse)", () => {
  const big = (at: string): void => {
    writeFileSync(at, "");
    truncateSync(at, 2 ** 40);
  };
  expect(() => read(big)).toThrow(RangeError);
});
