import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isKernelError, openIn, start } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createLayerDirectory,
  isWhiteout,
  lowerDirectories,
  openOverlay,
  overlaySteps,
  takesLowersOneByOne,
} from "../src/index.ts";

const notRoot = process.getuid?.() !== 0;
const because = { option: "test", why: "layers are looked at" };

function temporaryDirectory(prefix = "ctr-overlayfs-"): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** `count` layers, oldest first; each has a file of its own and one that all have. */
function layers(directory: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const layer = join(directory, `layer-${index}`);
    mkdirSync(layer);
    writeFileSync(join(layer, `only-${index}`), "");
    writeFileSync(join(layer, "top"), `layer ${index}`);
    return layer;
  });
}

const readIn = (root: number, path: string): string => {
  const fd = openIn({ root, path, flags: constants.O_RDONLY });
  const text = readFileSync(fd, "utf8");
  closeSync(fd);
  return text;
};

describe.skipIf(notRoot)("an overlay that is mounted nowhere", () => {
  for (const count of [1, 5, 120, 300])
    test(`${count} layers and one that is written: the newest name is seen, writes stay in the upper`, () => {
      const directory = temporaryDirectory();
      const all = layers(directory, count);
      const [upper, work] = [join(directory, "upper"), join(directory, "work")];
      for (const path of [upper, work]) mkdirSync(path);
      const root = openOverlay({ lowers: [...all].reverse(), upper, work });
      expect(readIn(root, "top")).toBe(`layer ${count - 1}`);
      expect(readdirSync(`/proc/self/fd/${root}`)).toHaveLength(count + 1);
      const fd = openIn({ root, path: "written", flags: constants.O_CREAT | constants.O_WRONLY });
      writeFileSync(fd, "up here");
      for (const open of [fd, root]) closeSync(open);
      expect(readFileSync(join(upper, "written"), "utf8")).toBe("up here");
      expect(all.some((layer) => existsSync(join(layer, "written")))).toBe(false);
    });

  test("without an upper it is read-only", () => {
    const root = openOverlay({ lowers: layers(temporaryDirectory(), 2).reverse() });
    onTestFinished(() => closeSync(root));
    expect(() => openIn({ root, path: "x", flags: constants.O_CREAT | constants.O_WRONLY })).toThrow(
      expect.objectContaining({ symbol: "EROFS" }),
    );
  });

  test("names that would end an option are names", () => {
    const directory = temporaryDirectory();
    const lowers = ["a:b", "c,d", "e\\f", "g=h", "i j"].map((name) => join(directory, name));
    for (const lower of lowers) {
      mkdirSync(lower);
      writeFileSync(join(lower, "name"), lower);
    }
    const base = join(directory, "base");
    mkdirSync(base);
    for (const name of lowers) {
      for (const end of ["upper", "work"]) mkdirSync(`${name}-${end}`);
      const root = openOverlay({ lowers: [name, base], upper: `${name}-upper`, work: `${name}-work` });
      expect(readIn(root, "name")).toBe(name);
      closeSync(root);
    }
  });

  test("a removed name leaves a whiteout in the upper: a character device 0:0", async () => {
    const directory = temporaryDirectory();
    const [upper, work, target] = ["upper", "work", "target"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [upper, work, target]) mkdirSync(path);
    const own: Step = {
      do: "setMount",
      in: "host",
      target: "/",
      recursive: true,
      set: [],
      clear: [],
      propagation: "private",
      because,
    };
    const show = overlaySteps({
      lowers: layers(directory, 2).reverse(),
      upper,
      work,
      target,
      oneByOne: takesLowersOneByOne(),
      because,
    });
    const exec: Step = { do: "exec", argv: ["/bin/rm", join(target, "only-0")], env: [], because };
    const child = await start({ steps: [own, ...show, exec], namespaces: ["mount"] });
    expect(await child.ended()).toEqual({ code: 0, signal: undefined });
    expect(isWhiteout(lstatSync(join(upper, "only-0")))).toBe(true);
    expect(readdirSync(target)).toEqual([]); // this process has not seen the mount
    const again = openOverlay({ lowers: [upper, join(directory, "layer-1"), join(directory, "layer-0")] });
    expect(readdirSync(`/proc/self/fd/${again}`).sort()).toEqual(["only-1", "top"]);
    closeSync(again);
  });

  test("the overlay2 layout: by short links, however long the cache ids are", async () => {
    const overlayRoot = join(temporaryDirectory(), "overlay2");
    mkdirSync(overlayRoot);
    const ids = Array.from({ length: 40 }, (_, index) => `${index}`.padStart(64, "0"));
    for (const [index, cacheId] of ids.entries()) {
      const layer = await createLayerDirectory({ overlayRoot, cacheId, parents: ids.slice(0, index).reverse() });
      writeFileSync(join(layer.diff, `file-${index}`), "");
    }
    const root = openOverlay({ lowers: lowerDirectories(overlayRoot, [...ids].reverse()) });
    expect(readdirSync(`/proc/self/fd/${root}`)).toHaveLength(40);
    closeSync(root);
  });

  const refused = [
    { lowers: ["/nowhere/at/all"], is: "ENOENT", why: "a layer that is missing" },
    { lowers: ["/etc/passwd"], is: "EINVAL", why: "a layer that is a file" },
  ] as const;
  for (const { lowers, is, why } of refused)
    test(`${is}: ${why}`, () => {
      try {
        closeSync(openOverlay({ lowers: [...lowers, "/etc"] }));
        throw new Error("it was mounted");
      } catch (error) {
        if (!isKernelError(error)) throw error;
        expect([error.symbol, error.syscall]).toEqual([is, "fsconfig"]);
      }
    });

  test("a directory whose path is longer than 255 bytes can be a layer, and can be written", () => {
    const directory = join(temporaryDirectory(), ...Array.from({ length: 5 }, () => "d".repeat(60)));
    mkdirSync(directory, { recursive: true });
    const [upper, work] = [join(directory, "upper"), join(directory, "work")];
    for (const path of [upper, work]) mkdirSync(path);
    const root = openOverlay({ lowers: layers(directory, 2).reverse(), upper, work });
    expect(readIn(root, "top")).toBe("layer 1");
    closeSync(root);
  });
});
