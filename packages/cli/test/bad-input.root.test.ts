import { cpSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { notRoot, program, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("what a hostile or broken place does to ctr run (needs root)", () => {
  const ctr = temporaryCtr();
  let image = "";
  beforeAll(() => {
    // The layers of the image as plain directories: a root to spoil.
    const overlay = join(ctr.root, "overlay2");
    const layers = readdirSync(overlay).filter((name) => name !== "l");
    image = mkdtempSync(join(ctr.root, "rootfs-"));
    for (const layer of layers)
      cpSync(join(overlay, layer, "diff"), image, { recursive: true, verbatimSymlinks: true });
  });

  function spoiltRoot(spoil: (root: string, outside: string) => void): { root: string; outside: string } {
    const directory = mkdtempSync(join(tmpdir(), "ctr-cli-spoilt-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const [root, outside] = [join(directory, "root"), join(directory, "outside")];
    cpSync(image, root, { recursive: true, verbatimSymlinks: true });
    mkdirSync(outside);
    writeFileSync(join(outside, "canary"), "untouched");
    spoil(root, outside);
    return { root, outside };
  }

  const replace = (path: string, target: string): void => {
    rmSync(path, { recursive: true, force: true });
    symlinkSync(target, path);
  };
  const spoilt = [
    {
      what: "/proc is a symlink out of the root",
      spoil: (root: string, outside: string) => replace(join(root, "proc"), outside),
    },
    {
      what: "/proc is a symlink that climbs",
      spoil: (root: string) => replace(join(root, "proc"), "../../../../../../outside"),
    },
    { what: "/proc is a symlink inside the root", spoil: (root: string) => replace(join(root, "proc"), "tmp") },
    {
      what: "/dev is a symlink out of the root",
      spoil: (root: string, outside: string) => replace(join(root, "dev"), outside),
    },
    {
      what: "/sys is a symlink out of the root",
      spoil: (root: string, outside: string) => replace(join(root, "sys"), outside),
    },
    {
      what: "/proc is a file",
      spoil: (root: string) => {
        rmSync(join(root, "proc"), { recursive: true });
        writeFileSync(join(root, "proc"), "");
      },
    },
  ];
  for (const { what, spoil } of spoilt)
    test(`${what}: refused or kept inside, and nothing outside is touched`, async () => {
      const { root, outside } = spoiltRoot(spoil);
      const done = await ctr.call([
        "run",
        "--rm",
        "--network",
        "none",
        "--rootfs",
        root,
        "/bin/sh",
        "-c",
        "readlink /proc /dev; echo ran",
      ]);
      expect(readdirSync(outside)).toEqual(["canary"]);
      expect(done.stderr).not.toMatch(/^\s+at /m);
      if (done.status === 0) expect(done.stdout).toContain("ran\n");
      else {
        expect(done).toMatchObject({ status: 125, stdout: "" });
        expect(done.stderr.trimEnd().split("\n")).toHaveLength(1);
        expect(done.stderr).toMatch(/^ctr: .*\/(proc|dev|sys)/);
      }
      expect(await ctr.traces.left()).toEqual([]);
    });

  test("a symlink of the image at a -v target stays inside the root", async () => {
    const { root, outside } = spoiltRoot((directory, target) => symlinkSync(target, join(directory, "data")));
    await ctr.call(["run", "--rm", "--network", "none", "--rootfs", root, "-v", `${image}:/data/x`, "/bin/true"]);
    expect(readdirSync(outside)).toEqual(["canary"]);
    expect(readlinkSync(join(root, "data"))).toBe(outside);
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("a -w of the image that is a symlink stays inside the root", async () => {
    const { root, outside } = spoiltRoot((directory, target) => symlinkSync(target, join(directory, "work")));
    await ctr.call(["run", "--rm", "--network", "none", "--rootfs", root, "-w", "/made/new", "/bin/true"]);
    expect(readdirSync(outside)).toEqual(["canary"]);
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("a state directory that cannot be one", async () => {
    const file = join(ctr.root, "file");
    writeFileSync(file, "");
    for (const root of [file, "/sys/nowhere"]) {
      const done = await execa(process.execPath, ["--", program, "--root", root, "ps"], { reject: false });
      expect([done.exitCode, done.stdout]).toEqual([1, ""]);
      expect(done.stderr).toMatch(new RegExp(`^ctr: the state directory ${root} cannot be opened: .*$`));
    }
  });

  test("names with escape sequences do not reach the terminal", async () => {
    for (const args of [
      ["run", "\u001b[2Jimage"],
      ["inspect", "\u001b[2J"],
      ["rm", "\u202eevil"],
      ["rmi", "\u001b[2J"],
      ["exec", "\u009b2J", "true"],
    ]) {
      const done = await ctr.call(args);
      expect(done.status).not.toBe(0);
      expect(done.stdout + done.stderr).not.toMatch(/[\u001b\u009b\u202e]/);
    }
  });

  test("a full disk is named as such, and nothing stays", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ctr-cli-small-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    // The mount is in a namespace of its own and goes with its last process.
    const script = `
      set -e
      mount -t tmpfs -o size=8m ctr-test "$1"
      run() { "$node" -- "$ctr" --root "$root" "$@"; }
      root=$1 node=$2 ctr=$3
      run image from-host --tag busybox busybox >/dev/null
      run run --rm --network none busybox true
      list() { ls "$root/containers" "$root/overlay2" "$root/tmp" | sort; }
      before=$(list)
      head -c 100m /dev/zero > "$root/full" 2>/dev/null || true
      status=0
      run run --rm --network none busybox echo ran || status=$?
      echo "status $status"
      rm "$root/full"
      run ps -a --format '{{.ID}} {{.Status}}'
      [ "$before" = "$(list)" ] && echo clean
      run run --rm --network none busybox echo again
    `;
    const done = await execa("unshare", ["--mount", "sh", "-c", script, "sh", directory, process.execPath, program], {
      reject: false,
    });
    expect(done.stderr).toMatch(/^ctr: .*(no space left on device|disk is full).*$/i);
    expect(done.stdout.split("\n")).toEqual(["status 125", "clean", "again"]);
  });
});
