import { execFileSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyLayer, tarEntry } from "@ctr/layers";
import { afterEach, describe, expect, test } from "vitest";
import { busyboxImage, type HostImage, hostImage, nodeImage } from "../src/index.ts";

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-host-image-"));
  made.push(directory);
  return directory;
}

/** The image's layers on top of each other: no whiteouts in them, so one directory will do. */
async function unpack(image: HostImage): Promise<string> {
  const directory = temporary();
  for (const layer of image.layers)
    await applyLayer({ archive: layer.archive(), directory, expectedDiffId: layer.diffId });
  return directory;
}

function run(root: string, image: HostImage, ...argv: string[]): string {
  const env = Object.fromEntries((image.config.config?.Env ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2)));
  return execFileSync("chroot", [root, ...argv], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe.skipIf(process.getuid?.() !== 0)("as root: chroot", () => {
  test("the busybox image has a shell", async () => {
    const image = await busyboxImage();
    const root = await unpack(image);
    expect(run(root, image, "sh", "-c", "echo hi; id -u; ls -d /tmp; env true && cat /etc/passwd | head -n 1")).toBe(
      "hi\n0\n/tmp\nroot:x:0:0:root:/root:/bin/sh\n",
    );
    expect(lstatSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777);
    expect(image.config.config?.Labels).toHaveProperty("org.ctr.from-host");
  });

  test("the node image runs Node, npm when there is one, and a shell", async () => {
    const image = await nodeImage();
    const root = await unpack(image);
    expect(run(root, image, "node", "-p", "1+1")).toBe("2\n");
    expect(run(root, image, "/usr/bin/env", "sh", "-c", "ls / | head -n 1; command -v node")).toBe(
      "bin\n/usr/local/bin/node\n",
    );
    if (lstatSync(join(root, "usr/local/bin/npm"), { throwIfNoEntry: false }))
      expect(run(root, image, "npm", "--version")).toMatch(/^\d+\.\d+/);
    expect(
      run(root, image, "node", "-p", 'new Date(0).toLocaleString("en", { timeZone: "Asia/Tokyo", hour: "numeric" })'),
    ).toBe("9 AM\n");
  });

  test("equal machines give equal images", async () => {
    const [one, two] = await Promise.all([busyboxImage(), busyboxImage()]);
    expect(one.config).toEqual(two.config);
  });

  test("programs, data and entries come together; links and the user's config stay", async () => {
    const data = temporary();
    writeFileSync(join(data, "real"), "text", { mode: 0o640 });
    symlinkSync("real", join(data, "link"));
    symlinkSync("nowhere", join(data, "hanging"));
    const program = join(data, "greet");
    writeFileSync(program, "#!/bin/sh\necho hello $1\n", { mode: 0o755 });
    const image = await hostImage({
      programs: [program],
      data: [data],
      entries: [{ entry: tarEntry({ name: "etc/motd", type: "file", size: 3 }), content: [Buffer.from("hi\n")] }],
      defaults: { Cmd: ["greet"], Env: ["A=b"] },
    });
    const root = await unpack(image);
    expect(run(root, image, program, "you")).toBe("hello you\n");
    expect(readlinkSync(join(root, data, "link"))).toBe("real");
    expect(readlinkSync(join(root, data, "hanging"))).toBe("nowhere");
    expect(lstatSync(join(root, data, "real")).mode & 0o7777).toBe(0o640);
    expect(readFileSync(join(root, "etc/motd"), "utf8")).toBe("hi\n");
    expect(image.config.config).toMatchObject({ Cmd: ["greet"], Env: [expect.stringMatching(/^PATH=/), "A=b"] });
  });
});
