import { expect, test } from "vitest";
import { maxLowers, type Overlay, overlayOptions, overlaySteps, takesLowersOneByOne } from "../src/index.ts";

const view = (overlay: Partial<Overlay>): Overlay => ({ lowers: ["/b", "/a"], oneByOne: true, ...overlay });
const written = { upper: "/u", work: "/w" } as const;

const cases: readonly { overlay: Partial<Overlay>; is: string[] | RegExp; why: string }[] = [
  { overlay: {}, is: ["lowerdir+=/b", "lowerdir+=/a"], why: "read-only, newest first" },
  {
    overlay: written,
    is: ["lowerdir+=/b", "lowerdir+=/a", "upperdir=/u", "workdir=/w", "redirect_dir=off", "metacopy=off"],
    why: "written through",
  },
  {
    overlay: { upper: "/u\\p:,", work: "/w\\k" },
    is: ["lowerdir+=/b", "lowerdir+=/a", "upperdir=/u\\\\p:,", "workdir=/w\\\\k", "redirect_dir=off", "metacopy=off"],
    why: "a backslash of a written directory is doubled, nothing else is special",
  },
  {
    overlay: { ...written, volatile: true },
    is: ["lowerdir+=/b", "lowerdir+=/a", "upperdir=/u", "workdir=/w", "redirect_dir=off", "metacopy=off", "volatile"],
    why: "thrown away after a crash",
  },
  { overlay: { userXattr: true }, is: ["lowerdir+=/b", "lowerdir+=/a", "userxattr"], why: "inside a user namespace" },
  { overlay: { oneByOne: false }, is: ["lowerdir=/b:/a"], why: "kernels before 6.8 cut at colons" },
  {
    overlay: { oneByOne: false, lowers: ["/a:b", "/c\\d"] },
    is: ["lowerdir=/a\\:b:/c\\\\d"],
    why: "so colons and backslashes are kept by a backslash",
  },
  {
    overlay: { lowers: ["/a:b", "/c\\d", "/e,f", "/g=h"] },
    is: ["lowerdir+=/a:b", "lowerdir+=/c\\d", "lowerdir+=/e,f", "lowerdir+=/g=h"],
    why: "one by one, every name is itself",
  },
  {
    overlay: { lowers: Array(maxLowers).fill("/l") as string[] },
    is: Array(maxLowers).fill("lowerdir+=/l") as string[],
    why: "as many as the kernel shows",
  },
  {
    overlay: { lowers: Array(maxLowers + 1).fill("/l") as string[] },
    is: /501 layers: overlayfs shows at most 500/,
    why: "one too many",
  },
  {
    overlay: { oneByOne: false, lowers: Array(120).fill(`/${"l".repeat(40)}`) as string[] },
    is: /120 layers need \d+ bytes of mount options/,
    why: "more than a page",
  },
];
for (const { overlay, is, why } of cases)
  test(`${overlay.lowers?.length ?? 2} layers: ${why}`, () => {
    if (Array.isArray(is)) expect(overlayOptions(view(overlay))).toEqual(is);
    else expect(() => overlayOptions(view(overlay))).toThrow(is);
  });

test("the two limits have codes of their own", () => {
  const lowers = Array(501).fill("/l") as string[];
  expect(() => overlayOptions(view({ lowers }))).toThrow(expect.objectContaining({ code: "ERR_OVERLAYFS_DEPTH" }));
  const long = Array(400).fill("/long-name") as string[];
  expect(() => overlayOptions(view({ lowers: long, oneByOne: false }))).toThrow(
    expect.objectContaining({ code: "ERR_OVERLAYFS_PAGE" }),
  );
});

test("one step, for the host or inside a rootfs", () => {
  const because = { option: "image", why: "layers" };
  const at = { ...view(written), target: "/m", because };
  expect(overlaySteps(at)).toMatchObject([
    { do: "mount", type: "overlay", in: "host", target: "/m", missing: "refuse", because },
  ]);
  expect(overlaySteps({ ...at, in: "rootfs" })).toMatchObject([{ in: "rootfs" }]);
});

const kernels = [
  { release: "6.8.0-45-generic", is: true, why: "the first that can" },
  { release: "6.18.44", is: true, why: "minors are numbers, not digits" },
  { release: "10.0.1", is: true, why: "so are majors" },
  { release: "6.7.12", is: false, why: "the last that cannot" },
  { release: "5.15.0", is: false, why: "long-term" },
  { release: "nonsense", is: false, why: "unknown: the older way works everywhere" },
] as const;
for (const { release, is, why } of kernels)
  test(`Linux ${release}: ${why}`, () => expect(takesLowersOneByOne(release)).toBe(is));
