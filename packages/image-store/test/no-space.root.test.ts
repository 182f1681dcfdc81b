import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./temporary-store.ts";

const program = join(import.meta.dirname, "fill-the-disk.ts");

test.skipIf(process.getuid?.() !== 0)(
  "a full disk is named as such, and nothing stays (needs root to mount)",
  async () => {
    const root = join(temporaryDirectory(), "small");
    mkdirSync(root);
    // The mount is in a namespace of its own and goes with its last process.
    const script =
      'mount -t tmpfs -o size=4m ctr-test "$1" && exec "$2" --conditions=ctr-source --no-warnings "$3" "$1"';
    const { stdout } = await execa("unshare", ["--mount", "sh", "-c", script, "sh", root, process.execPath, program]);
    const nothing = JSON.stringify({ blobs: [], layers: [], links: [], temporary: [] });
    expect(stdout.split("\n")).toEqual(Array(2).fill(`ERR_IMAGE_STORE_NO_SPACE true ${nothing}`));
  },
);
