import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  createLayerDirectory,
  isShortName,
  lowerDirectories,
  readLink,
  readLower,
  removeLayerDirectory,
} from "../src/index.ts";

function overlayRoot(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-overlayfs-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "overlay2");
}

test("a base layer: diff and link, nothing below", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  const layer = await createLayerDirectory({ overlayRoot: root, cacheId: "base", parents: [] });
  expect(readdirSync(layer.directory).sort()).toEqual(["diff", "link"]);
  expect(statSync(layer.diff).mode & 0o777).toBe(0o755);
  expect(isShortName(layer.link)).toBe(true);
  expect(readFileSync(join(layer.directory, "link"), "utf8")).toBe(layer.link);
  expect(readlinkSync(join(root, "l", layer.link))).toBe("../base/diff");
  expect(realpathSync(join(root, "l", layer.link))).toBe(realpathSync(layer.diff));
  expect([readLink(root, "base"), readLower(root, "base")]).toEqual([layer.link, []]);
});

test("the caller's umask has no say in what a container's root is like", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  const { diff } = await createLayerDirectory({ overlayRoot: root, cacheId: "base", parents: [] });
  expect(statSync(diff).mode & 0o777).toBe(0o755);
});

test("a layer on others, and a container's: lower, work, merged", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  const base = await createLayerDirectory({ overlayRoot: root, cacheId: "base", parents: [] });
  const next = await createLayerDirectory({ overlayRoot: root, cacheId: "next", parents: ["base"] });
  const container = await createLayerDirectory({
    overlayRoot: root,
    cacheId: "c0ffee",
    parents: ["next", "base"],
    container: true,
  });
  expect(readdirSync(next.directory).sort()).toEqual(["diff", "link", "lower", "work"]);
  expect(readdirSync(container.directory).sort()).toEqual(["diff", "link", "lower", "merged", "work"]);
  expect(readFileSync(join(container.directory, "lower"), "utf8")).toBe(`l/${next.link}:l/${base.link}`);
  expect(readLower(root, "c0ffee")).toEqual([next.link, base.link]);
  expect(lowerDirectories(root, ["next", "base"])).toEqual([join(root, "l", next.link), join(root, "l", base.link)]);
});

test("removed: directory and short link; the others stay; twice is fine", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  const kept = await createLayerDirectory({ overlayRoot: root, cacheId: "kept", parents: [] });
  const layer = await createLayerDirectory({ overlayRoot: root, cacheId: "gone", parents: ["kept"] });
  mkdirSync(join(layer.diff, "deep/deeper"), { recursive: true });
  symlinkSync(kept.diff, join(layer.diff, "deep/out"));
  writeFileSync(join(kept.diff, "file"), "alive");
  for (let round = 0; round < 2; round++) await removeLayerDirectory({ overlayRoot: root, cacheId: "gone" });
  expect(readdirSync(root).sort()).toEqual(["kept", "l"]);
  expect(readdirSync(join(root, "l"))).toEqual([kept.link]);
  expect(readFileSync(join(kept.diff, "file"), "utf8")).toBe("alive");
});

test("one that a crash left half made is removed too", async () => {
  const root = overlayRoot();
  mkdirSync(join(root, "half/diff"), { recursive: true });
  await removeLayerDirectory({ overlayRoot: root, cacheId: "half" });
  expect(readdirSync(root)).toEqual([]);
});

test("a layer that exists is not made again", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  await createLayerDirectory({ overlayRoot: root, cacheId: "one", parents: [] });
  await expect(createLayerDirectory({ overlayRoot: root, cacheId: "one", parents: [] })).rejects.toMatchObject({
    code: "EEXIST",
  });
});

for (const cacheId of ["", ".", "..", "../x", "a/b", "A", "-x", "l\0", "a".repeat(129), "x\n"])
  test(`${JSON.stringify(cacheId.slice(0, 12))} is no name for a layer`, async () => {
    const root = overlayRoot();
    mkdirSync(root);
    const refusal = { name: "OverlayfsError", code: "ERR_OVERLAYFS_LAYOUT" };
    await expect(createLayerDirectory({ overlayRoot: root, cacheId, parents: [] })).rejects.toMatchObject(refusal);
    await expect(createLayerDirectory({ overlayRoot: root, cacheId: "x", parents: [cacheId] })).rejects.toMatchObject(
      refusal,
    );
    await expect(removeLayerDirectory({ overlayRoot: root, cacheId })).rejects.toMatchObject(refusal);
    expect(readdirSync(root)).toEqual([]);
  });

test("the directory of short links is not one of the layers", async () => {
  const root = overlayRoot();
  mkdirSync(root);
  await createLayerDirectory({ overlayRoot: root, cacheId: "one", parents: [] });
  await expect(removeLayerDirectory({ overlayRoot: root, cacheId: "l" })).rejects.toMatchObject({
    code: "ERR_OVERLAYFS_LAYOUT",
  });
  expect(existsSync(join(root, "l"))).toBe(true);
});

const hostile = [
  { file: "link", text: "../../etc", why: "a link that is no short name" },
  { file: "link", text: "", why: "an empty one" },
  { file: "lower", text: "l/../../../etc", why: "layers below that lie elsewhere" },
] as const;
for (const { file, text, why } of hostile)
  test(`a ${file} file that was changed: ${why}`, async () => {
    const root = overlayRoot();
    mkdirSync(root);
    const layer = await createLayerDirectory({ overlayRoot: root, cacheId: "one", parents: [] });
    writeFileSync(join(layer.directory, file), text);
    const read = (): unknown => (file === "link" ? readLink(root, "one") : readLower(root, "one"));
    expect(read).toThrow(expect.objectContaining({ code: "ERR_OVERLAYFS_LAYOUT" }));
  });
