import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { checkBudget, parseBudget, reportReuse, wasteBytes } from "../src/index.ts";
import { makeImage, type Recipe } from "./image.ts";
import { notRoot } from "./layer-on-disk.ts";

const large = "0123456789abcdef".repeat(10_000); // more than the head that is read first
const base: Recipe = {
  name: "base",
  size: 1000,
  files: [
    { path: "bin/tool", file: large },
    { path: "bin/other-name", link: "bin/tool" },
    { path: "etc/conf", file: "a=1\n" },
    { path: "var/cache/one", file: "1111" },
    { path: "var/cache/two", file: "22222222" },
    { path: "link", symlink: "bin/tool" },
  ],
};
const chmod: Recipe = { name: "chmod", size: 300, files: [{ path: "etc/conf", file: "a=1\n", mode: 0o600 }] };
const clean: Recipe = {
  name: "clean",
  size: 50,
  files: [
    { path: "var/cache", directory: "opaque" },
    { path: "var/cache/one", file: "9999" },
  ],
};
const copy: Recipe = { name: "copy", size: 700, files: [{ path: "app/tool-copy", file: large }] };

describe.skipIf(notRoot)("reportReuse (needs root)", () => {
  const one = makeImage("one", [base, chmod, clean]);
  const two = makeImage("two", [base, copy]);

  test("an image's bytes are shared or unique, documents too", async () => {
    const report = await reportReuse({ images: [one, two] });
    expect(report.images.map(({ names, blobs }) => ({ names, blobs }))).toEqual([
      { names: ["one"], blobs: { total: 1360, shared: 1000, unique: 360 } },
      { names: ["two"], blobs: { total: 1710, shared: 1000, unique: 710 } },
    ]);
    expect(report.host.blobs).toEqual({ stored: 2070, unshared: 3070 });
  });

  test("allocated bytes are du's: per layer, per image, for all of them", async () => {
    const report = await reportReuse({ images: [one, two] });
    const du = (...directories: string[]): number =>
      execFileSync("du", ["-s", "-c", "--block-size=1", ...directories], { encoding: "utf8" })
        .trim()
        .split("\n")
        .map((line) => Number.parseInt(line, 10))
        .at(-1)!;
    const directoryOf = new Map([...one.layers, ...two.layers].map(({ chainId, directory }) => [chainId, directory!]));
    for (const { chainId, diskBytes } of report.layers) expect(diskBytes).toBe(du(directoryOf.get(chainId)!));
    for (const [index, { disk }] of report.images.entries())
      expect(disk.total).toBe(du(...[one, two][index]!.layers.map(({ directory }) => directory!)));
    expect(report.host.disk.stored).toBe(du(...directoryOf.values()));
    expect(report.host.disk.unshared).toBe(report.images[0]!.disk.total + report.images[1]!.disk.total);
  });

  test("a layer says who holds it, and a file of two names counts once", async () => {
    const { layers } = await reportReuse({ images: [one, two] });
    expect(layers.map(({ createdBy, images, content }) => ({ createdBy, images: images.length, content }))).toEqual([
      { createdBy: "base", images: 2, content: { files: 5, bytes: large.length + 16 } },
      { createdBy: "chmod", images: 1, content: { files: 1, bytes: 4 } },
      { createdBy: "clean", images: 1, content: { files: 1, bytes: 4 } },
      { createdBy: "copy", images: 1, content: { files: 1, bytes: large.length } },
    ]);
  });

  test("copied unchanged, replaced and deleted bytes are told with layer and path", async () => {
    const { layers, wasted, images } = await reportReuse({ images: [one] });
    const [below, chmodded, cleaned] = layers;
    expect(images[0]!.waste).toEqual({
      copied: { files: 1, bytes: 4 },
      replaced: { files: 1, bytes: 4 },
      deleted: { files: 1, bytes: 8 },
    });
    expect(wasteBytes(images[0]!.waste)).toBe(16);
    expect(wasted).toEqual([
      { kind: "deleted", path: "/var/cache/two", bytes: 8, by: cleaned!.chainId, of: below!.chainId },
      { kind: "copied", path: "/etc/conf", bytes: 4, by: chmodded!.chainId, of: chmodded!.chainId },
      { kind: "replaced", path: "/var/cache/one", bytes: 4, by: cleaned!.chainId, of: below!.chainId },
    ]);
  });

  test("equal contents are found across layers; hard links are one file", async () => {
    const { duplicates } = await reportReuse({ images: [one, two] });
    expect(duplicates.extra).toEqual({ files: 2, bytes: large.length + 4 });
    expect(
      duplicates.groups.map(({ size, files, places }) => ({ size, files, paths: places.map((it) => it.path) })),
    ).toEqual([
      { size: large.length, files: 2, paths: ["/bin/other-name", "/app/tool-copy"] },
      { size: 4, files: 2, paths: ["/etc/conf", "/etc/conf"] },
    ]);
  });

  test("large files that differ in their last byte only are no duplicates", async () => {
    const files = [
      { path: "a", file: `${large}x` },
      { path: "b", file: `${large}y` },
    ];
    const { duplicates } = await reportReuse({ images: [makeImage("tails", [{ name: "tails", size: 1, files }])] });
    expect(duplicates).toEqual({ extra: { files: 0, bytes: 0 }, groups: [] });
  });

  test("`most` cuts lists, never sums", async () => {
    const { duplicates, wasted, images } = await reportReuse({ images: [one, two], most: 1 });
    expect([duplicates.groups.length, duplicates.extra.files, wasted.length]).toEqual([1, 2, 1]);
    expect(wasteBytes(images[0]!.waste)).toBe(16);
  });

  test("the last name that goes hides the content of a file that had several", async () => {
    const goes = (name: string, path: string): Recipe => ({ name, size: 1, files: [{ path, whiteout: true }] });
    const image = makeImage("links", [base, goes("first", "bin/tool"), goes("second", "bin/other-name")]);
    const { layers } = await reportReuse({ images: [image] });
    expect(layers.map(({ waste }) => waste.deleted.bytes)).toEqual([0, 0, large.length]);
  });

  test("one content on two bases is unpacked twice, and said to be", async () => {
    const other: Recipe = { name: "other", size: 5, files: [{ path: "x", file: "x" }] };
    const { layers } = await reportReuse({ images: [makeImage("a", [base, copy]), makeImage("b", [other, copy])] });
    const copies = layers.filter(({ createdBy }) => createdBy === "copy");
    expect(copies.map(({ unpackedAgainAs }) => unpackedAgainAs)).toEqual([[copies[1]!.chainId], [copies[0]!.chainId]]);
    expect(copies[0]!.blobs[0]!.images).toHaveLength(2);
  });

  test("others hold bytes, and are not looked at", async () => {
    const elsewhere = { ...two, layers: two.layers.map((layer) => ({ ...layer, directory: "/nonexistent" })) };
    const report = await reportReuse({ images: [one], others: [elsewhere] });
    expect(report.images[0]!.blobs).toEqual({ total: 1360, shared: 1000, unique: 360 });
    expect(report.layers).toHaveLength(3);
  });

  test("a layer that is not unpacked has a blob and nothing else", async () => {
    const packed = { ...one, layers: one.layers.map((layer) => ({ ...layer, directory: undefined })) };
    const { images } = await reportReuse({ images: [packed], others: [two] });
    expect(images[0]).toMatchObject({ blobs: { unique: 360 }, disk: { total: 0 }, waste: { copied: { files: 0 } } });
  });

  test("a layer that is not there is an error that names it", async () => {
    const broken = { ...one, layers: [{ ...one.layers[0]!, directory: "/nonexistent" }] };
    await expect(reportReuse({ images: [broken] })).rejects.toMatchObject({
      code: "ERR_IMAGE_REUSE_TREE",
      message: expect.stringContaining("/nonexistent"),
    });
  });

  test("is plain data", async () => {
    const report = await reportReuse({ images: [one, two] });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  const budgets = [
    { budget: "new-bytes=360B", broken: [], why: "just kept" },
    {
      budget: "new-bytes=359B",
      broken: [["newBytes", 360, "chmod", 300]],
      why: "one byte over, the largest new layer",
    },
    { budget: "layers=3", broken: [], why: "as many as there are" },
    { budget: "layers=2", broken: [["layers", 3, "clean", 3]], why: "the first that is too many" },
    { budget: "reuse=73%", broken: [], why: "1000 of 1360 bytes are shared" },
    { budget: "reuse=74%", broken: [["reuse", 1000 / 1360, "chmod", 300]], why: "a little more" },
    { budget: "wasted=16B", broken: [], why: "just kept" },
    { budget: "wasted=15B", broken: [["wasted", 16, "clean", 12]], why: "the layer that hides most" },
    {
      budget: "layers=0,wasted=0",
      broken: [
        ["layers", 3, "base", 1],
        ["wasted", 16, "clean", 12],
      ],
      why: "two at once",
    },
  ] as const;
  for (const { budget, broken, why } of budgets)
    test(`${budget}: ${why}`, async () => {
      const report = await reportReuse({ images: [one], others: [two] });
      const found = checkBudget(report, report.images[0]!, parseBudget(budget));
      expect(found.map(({ rule, actual, layer, cost }) => [rule, actual, layer?.createdBy, cost])).toEqual(broken);
    });
});
