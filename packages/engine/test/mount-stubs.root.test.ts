import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mount } from "@ctr/overlayfs";
import { describe, expect, onTestFinished, test } from "vitest";
import { mountStubs, removeStubs } from "../src/mount-stubs.ts";

const notRoot = process.getuid?.() !== 0;

/** No link is followed. */
function namesBelow(directory: string, prefix = ""): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const name = prefix + entry.name;
    return entry.isDirectory() ? [name, ...namesBelow(join(directory, entry.name), `${name}/`)] : [name];
  });
}

/** Layers in which every usual place is there, and a command that works on them. */
function site() {
  const root = mkdtempSync(join(tmpdir(), "ctr-stubs-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const lower = join(root, "lower");
  for (const name of ["proc", "sys", "dev/pts", "dev/shm", "dev/mqueue", "sys/fs/cgroup", "etc", "run"])
    mkdirSync(join(lower, name), { recursive: true });
  for (const name of ["etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console"])
    writeFileSync(join(lower, name), "");
  const directories = { upper: join(root, "upper"), work: join(root, "work"), merged: join(root, "merged") };
  for (const path of [...Object.values(directories), join(root, "empty"), join(root, "canary")]) mkdirSync(path);
  const { upper, work, merged } = directories;
  const lowers = [lower, join(root, "empty")];
  return {
    lower,
    canary: join(root, "canary"),
    /** Names in the upper directory after a command that had something mounted at `target`. */
    after(target: string, command: (merged: string, place: string) => void): string[] {
      const stubs = mountStubs({ lowers, upper, targets: [target] });
      {
        using _view = mount({ lowers, upper, work, target: merged });
        const place = join(merged, target);
        mkdirSync(place, { recursive: true }); // what a start does
        command(merged, place);
      }
      removeStubs({ lowers, upper, stubs });
      return namesBelow(upper).sort();
    },
  };
}

describe.skipIf(notRoot)("mount points that a start makes (needs root)", () => {
  const rows = [
    { target: "/run/secrets/s", left: [], why: "nothing of it is in the layer, the directory above neither" },
    { target: "/a/b/c", left: [], why: "nor what had to be made above it" },
    { target: "/run", left: [], why: "it was there" },
  ];
  for (const { target, left, why } of rows)
    test(`${target}: ${why}`, () => expect(site().after(target, () => {})).toEqual(left));

  test("what a command puts beside it or into it stays", () => {
    const beside = site();
    expect(beside.after("/a/b", (merged) => writeFileSync(join(merged, "a/x"), ""))).toEqual(["a", "a/x"]);
    const into = site();
    expect(into.after("/a/b", (_, place) => writeFileSync(join(place, "x"), "x"))).toEqual(["a", "a/b", "a/b/x"]);
  });

  test("a directory above that the command changed stays", () => {
    const here = site();
    const change = (merged: string) => {
      rmSync(join(merged, "run"), { recursive: true });
      mkdirSync(join(merged, "run"), { mode: 0o700 });
    };
    expect(here.after("/run/x", change)).toEqual(["run"]);
  });

  test("a link of the image is followed inside it: the stub is where it leads", () => {
    const here = site();
    mkdirSync(join(here.lower, "var"));
    symlinkSync("/run", join(here.lower, "var/run"));
    const made = (merged: string) => expect(existsSync(join(merged, "run/x"))).toBe(true);
    // As the kernel resolves it under the root: the test's own mkdir would follow the link on the host.
    expect(here.after("/run/x", made)).toEqual([]);
    const stubs = mountStubs({ lowers: [here.lower], upper: here.canary, targets: ["/var/run/x/y"] });
    expect(stubs).toEqual({ made: ["/run/x/y", "/run/x"], copied: ["/run"] });
  });

  test("a link that took the place of a directory is not followed (CVE-2024-23652)", () => {
    const here = site();
    mkdirSync(join(here.canary, "b"));
    const swap = (merged: string) => {
      rmSync(join(merged, "a"), { recursive: true });
      symlinkSync(here.canary, join(merged, "a"));
    };
    expect(here.after("/a/b", swap)).toEqual(["a"]);
    expect(readdirSync(here.canary)).toEqual(["b"]);
  });

  test("a link inside the image is not followed either: what it leads to is the image's", () => {
    const here = site();
    const swap = (merged: string) => {
      rmSync(join(merged, "a"), { recursive: true });
      mkdirSync(join(merged, "own/b"), { recursive: true });
      symlinkSync("/own", join(merged, "a"));
    };
    expect(here.after("/a/b", swap)).toEqual(["a", "own", "own/b"]);
  });
});
