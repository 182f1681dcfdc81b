import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { describe, expect, test } from "vitest";
import { applyLayer, diffLayer, type LayerChange, listChanges, tarDirectory } from "../src/index.ts";
import { collect, once, readAll } from "./collect.ts";
import { describeTree, isRoot, temporary } from "./tree.ts";

const shell = (script: string): void => {
  execFileSync("sh", ["-ec", script], { stdio: ["ignore", "ignore", "inherit"] });
};

/** Run `script` in an overlay mount over `lower`, in a mount namespace of its own. What it changed is in `upper`. */
function inOverlay(script: string): { lower: string; upper: string } {
  const top = temporary();
  shell(`cd ${top}; mkdir -p lower/keep/sub lower/gone upper work merged; cd lower
         echo 1 > file; echo 2 > keep/f; echo 3 > keep/sub/g; echo 4 > gone/h; ln -s file link`);
  execFileSync(
    "unshare",
    [
      "-m",
      "sh",
      "-ec",
      `mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged; cd merged; ${script}`,
    ],
    { cwd: top },
  );
  return { lower: join(top, "lower"), upper: join(top, "upper") };
}

const everything = `rm file link; rm -r gone; mkdir gone; echo n > gone/new; echo c >> keep/f; echo h > h1; ln h1 h2; ln h1 keep/h3
  mknod null c 1 3; mkfifo fifo; ln -s target soft; ln soft soft2; chown 7:8 h1; chmod 6755 h1; chown -h 9:9 soft
  echo l > ${"n".repeat(200)}; head -c 700000 /dev/urandom > big; touch -d '2001-02-03 04:05:06.7' big`;

describe.skipIf(!isRoot)("as root: overlay mounts", () => {
  test("what a layer was made of comes back: apply(diff(x)) = x", async () => {
    const { upper } = inOverlay(everything);
    const directory = temporary();
    await applyLayer({ archive: diffLayer({ upper }), directory });
    // The time of a whiteout says nothing, and overlay's notes about this one mount stay behind.
    const plain = (tree: Record<string, string>): Record<string, string> =>
      Object.fromEntries(
        Object.entries(tree).map(([name, line]) => [
          name,
          (line.startsWith("20000 ") ? line.replace(/^20000 0 0 \d+ (.*) = .*/, "whiteout $1") : line).replace(
            / trusted\.overlay\.(?!opaque)[a-z]+=[0-9a-f]*/g,
            "",
          ),
        ]),
      );
    const [theirs, ours] = [plain(describeTree(upper)), plain(describeTree(directory))];
    expect(Object.keys(theirs)).toContain("gone/new");
    expect(ours).toEqual(theirs);
  });

  test("equal changes give equal bytes, in the order of their names", async () => {
    const { upper } = inOverlay("rm file; mkdir b; echo x > b/c; echo y > b.d; echo z > é; echo q > Z");
    const archives = await Promise.all([1, 2].map(() => collect(diffLayer({ upper, sourceDateEpoch: 1000 }))));
    expect(Buffer.from(archives[0]!).equals(archives[1]!)).toBe(true);
    const entries = readAll(archives[0]!).map(({ entry }) => entry);
    expect(entries.map(({ name }) => name)).toEqual(["./", "Z", "b/", "b/c", "b.d", ".wh.file", "é"]);
    for (const { mtime } of entries) expect(mtime).toBeLessThanOrEqual(1000_000_000_000n);
  });

  test("the changes are listed as docker diff does", async () => {
    const { upper, lower } = inOverlay(
      "rm file; rm -r gone; mkdir gone; echo n > gone/new; echo c >> keep/f; mkdir -p new/dir",
    );
    const changes: LayerChange[] = [];
    for await (const change of listChanges({ upper, lowers: [lower] })) changes.push(change);
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "D /file",
      "C /gone",
      "D /gone/h",
      "A /gone/new",
      "C /keep",
      "C /keep/f",
      "A /new",
      "A /new/dir",
    ]);
  });

  test("an opaque directory of a lower layer hides what lies below it", async () => {
    const [upper, middle, base] = [temporary(), temporary(), temporary()];
    mkdirSync(join(base, "d"));
    writeFileSync(join(base, "d/x"), "of the base");
    const opaque = { option: "test", why: "as overlay marks a directory that was made anew" };
    mkdirSync(join(middle, "d"));
    perform([
      { do: "enterRootfs", path: middle, because: opaque },
      {
        do: "setXattr",
        in: "rootfs",
        path: "d",
        name: "trusted.overlay.opaque",
        value: Buffer.from("y"),
        because: opaque,
      },
    ]);
    mkdirSync(join(upper, "d"));
    writeFileSync(join(upper, "d/x"), "new");
    const changes: LayerChange[] = [];
    for await (const change of listChanges({ upper, lowers: [middle, base] })) changes.push(change);
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(["C /d", "A /d/x"]);
  });

  test("a whole tree comes back", async () => {
    const { lower } = inOverlay("true");
    const directory = temporary();
    await applyLayer({ archive: tarDirectory({ directory: lower }), directory });
    expect(describeTree(directory)).toEqual(describeTree(lower));
  });

  test("the tar program reads what we write", async () => {
    const { upper } = inOverlay(
      "chmod 4711 keep/f; echo x > é; ln é hard; mknod n b 7 300; ln -s a b; echo l > $(printf 'x%.0s' $(seq 250))",
    );
    const theirs = temporary();
    execFileSync("tar", ["-C", theirs, "--numeric-owner", "-xpf", "-"], { input: await collect(diffLayer({ upper })) });
    const ours = temporary();
    await applyLayer({ archive: diffLayer({ upper }), directory: ours });
    expect(describeTree(ours)).toEqual(describeTree(theirs));
  });
});

test("a file whose name means a whiteout is refused", async () => {
  const upper = temporary();
  writeFileSync(join(upper, ".wh.passwd"), "");
  await expect(collect(tarDirectory({ directory: upper }))).rejects.toMatchObject({
    code: "ERR_LAYERS_SOURCE",
    entry: ".wh.passwd",
  });
});

test("no link is followed, also not the directory itself", async () => {
  const top = temporary();
  mkdirSync(join(top, "canary"));
  writeFileSync(join(top, "canary/secret"), "secret");
  mkdirSync(join(top, "upper"));
  symlinkSync("../canary", join(top, "upper/l"));
  const names = readAll(await collect(tarDirectory({ directory: join(top, "upper") }))).map(
    ({ entry }) => `${entry.name} ${entry.link}`,
  );
  expect(names).toEqual(["./ ", "l ../canary"]);
  await expect(collect(tarDirectory({ directory: join(top, "upper/l") }))).rejects.toMatchObject({
    code: "ERR_LAYERS_SOURCE",
  });
});

test("an archive of a tree gives the tree's diff id again", async () => {
  const directory = temporary();
  writeFileSync(join(directory, "f"), "text");
  const first = await collect(tarDirectory({ directory, sourceDateEpoch: 0 }));
  if (!isRoot) return;
  const copy = temporary();
  const { diffId } = await applyLayer({ archive: once(first), directory: copy });
  expect((await applyLayer({ archive: tarDirectory({ directory: copy }), directory: temporary() })).diffId).toBe(
    diffId,
  );
});
