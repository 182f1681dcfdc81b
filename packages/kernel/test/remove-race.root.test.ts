import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { start } from "../src/index.ts";
import { notRoot, ownMounts, plan, shell } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

// A container that moves a directory up while it is being removed: whoever goes up by ".." alone then finds
// himself above the place where he began, and removes what is there (the class of CVE-2018-15664).
//
// What a mistake could remove is confined twice, by the kernel: all of it lies in a tmpfs that exists in the
// child's mount namespace alone, which `remove` cannot leave (RESOLVE_NO_XDEV), and there at a greater depth
// than the walk could go up.
function isHalfEmpty(directory: string, files: number): boolean {
  try {
    const { length } = readdirSync(directory);
    return length > 1 && length < files;
  } catch {
    return false; // it was lifted or removed meanwhile
  }
}

test.skipIf(notRoot)("a directory that is moved while it is removed leads nowhere else", async () => {
  const target = temporaryDirectory();
  const padding = "1/2/3/4/5/6/7/8";
  const left: string[] = [];
  const child = await start({
    steps: plan(
      ownMounts,
      {
        do: "mount",
        type: "tmpfs",
        source: "tmpfs",
        options: [],
        attributes: [],
        in: "host",
        target,
        missing: "refuse",
      },
      { do: "barrier", name: "ready" },
      { do: "remove", in: "host", path: join(target, padding, "rootfs/a") },
      { do: "barrier", name: "removed" },
      shell("exit 0"),
    ),
    namespaces: ["mount"],
    barriers: {
      removed: (pid) => {
        const host = join(`/proc/${pid}/root`, target, padding);
        for (const name of readdirSync(host, { recursive: true, encoding: "utf8" })) left.push(name);
        expect(readFileSync(join(host, "canary/file"), "utf8")).toBe("alive");
      },
    },
  });
  expect(readdirSync(target)).toEqual([]); // the tmpfs is the child's alone
  const host = join(`/proc/${child.pid}/root`, target, padding);
  const big = join(host, "rootfs/a/b/c/d/big");
  mkdirSync(big, { recursive: true });
  mkdirSync(join(host, "canary"));
  for (const name of ["canary/file", "file", "rootfs/kept"]) writeFileSync(join(host, name), "alive");
  const files = 50_000;
  for (let index = 0; index < files; index++) writeFileSync(join(big, `${index}`), "");
  child.resume();
  // The removal has begun, and is far from its end: it has lifted the big directory to its top.
  let half: string | undefined;
  while (half === undefined) {
    half = readdirSync(join(host, "rootfs/a")).find(
      (name) => name.startsWith(".ctr-") && isHalfEmpty(join(host, "rootfs/a", name), files),
    );
    await new Promise(setImmediate);
  }
  renameSync(join(host, "rootfs/a", half), join(host, "rootfs/moved"));
  await child.running;
  expect(await child.ended()).toEqual({ code: 0, signal: undefined });
  expect(left.filter((name) => !name.startsWith("rootfs/moved")).sort()).toEqual([
    "canary",
    "canary/file",
    "file",
    "rootfs",
    "rootfs/kept",
  ]);
});
