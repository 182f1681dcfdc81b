import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { decodeName, encodeName } from "@ctr/plan";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyLayer, diffLayer, listChanges, tarDirectory, tarEntry } from "../src/index.ts";
import { archiveOf, collect, once } from "./collect.ts";
import { describeTree, isRoot, temporary } from "./tree.ts";

// File names are bytes; those of old archives are Latin-1 or Shift-JIS as often as not.

const latin = "caf\udce9"; // "café" in ISO 8859-1
const japanese = "\udc93\udcfa\udc96{"; // 日本 in Shift-JIS, with its ASCII "{"

describe.skipIf(!isRoot)("names that are not UTF-8", () => {
  test("every kind of entry keeps its name and its link byte for byte", async () => {
    const directory = temporary();
    const archive = await archiveOf(
      { entry: tarEntry({ name: `${latin}/`, type: "directory", mtime: 5n }) },
      { entry: tarEntry({ name: `${latin}/${japanese}`, type: "file", size: 2 }), content: [Buffer.from("hi")] },
      { entry: tarEntry({ name: `${latin}/hard`, type: "hardlink", link: `${latin}/${japanese}` }) },
      { entry: tarEntry({ name: "soft", type: "symlink", link: `${latin}/\udcff` }) },
      { entry: tarEntry({ name: `fifo\udc80`, type: "fifo" }) },
      { entry: tarEntry({ name: `.wh.gone\udcfe`, type: "file" }) },
      {
        entry: tarEntry({
          name: `x\udca0`,
          type: "file",
          xattrs: new Map([["user.\udce4", Uint8Array.of(0xff, 0)]]),
        }),
      },
    );
    await applyLayer({ archive: once(archive), directory });
    const tree = describeTree(directory);
    expect(Object.keys(tree).sort()).toEqual(
      ["", latin, `${latin}/${japanese}`, `${latin}/hard`, "soft", "fifo\udc80", "gone\udcfe", "x\udca0"].sort(),
    );
    expect(tree[`${latin}/hard`]).toBe(tree[`${latin}/${japanese}`]);
    expect([...readlinkSync(join(directory, "soft"), { encoding: "buffer" })]).toEqual([
      ...encodeName(`${latin}/\udcff`),
    ]);
    expect(lstatSync(Buffer.from(encodeName(join(directory, "gone\udcfe")))).isCharacterDevice()).toBe(true);
    expect(tree["x\udca0"]).toMatch(/ user\.\udce4=ff00$/);
  });

  test("a link on the way is followed by its bytes", async () => {
    const directory = temporary();
    const archive = await archiveOf(
      { entry: tarEntry({ name: `${latin}/`, type: "directory" }) },
      { entry: tarEntry({ name: "l", type: "symlink", link: `/${latin}` }) },
      { entry: tarEntry({ name: "l/f", type: "file" }) },
      { entry: tarEntry({ name: "h", type: "hardlink", link: "l/f" }) },
    );
    await applyLayer({ archive: once(archive), directory });
    expect(Object.keys(describeTree(directory))).toContain(`${latin}/f`);
  });

  test("apply, diff, apply: any names at all give the same bytes and the same tree", async () => {
    const part = fc
      .oneof(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.uint8Array({ minLength: 1, maxLength: 255 }))
      .map((bytes) => decodeName(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xe9 : byte))))
      .filter((name) => name !== "." && name !== ".." && !name.startsWith(".wh."));
    const names = fc.uniqueArray(part, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, names, async (tops, inner) => {
        const [first, second] = [temporary(), temporary()];
        const members = tops.flatMap((top, index) => {
          if (index % 3 === 1) return [{ entry: tarEntry({ name: top, type: "symlink", link: inner[0]! }) }];
          if (index % 3 === 2) return [{ entry: tarEntry({ name: top, type: "file" }) }];
          const files = inner.map((name) => ({ entry: tarEntry({ name: `${top}/${name}`, type: "file" as const }) }));
          return [{ entry: tarEntry({ name: `${top}/`, type: "directory" }) }, ...files];
        });
        const one = await applyLayer({ archive: once(await archiveOf(...members)), directory: first });
        const again = await collect(tarDirectory({ directory: first }));
        expect(one.entries).toBe(members.length);
        const two = await applyLayer({ archive: once(again), directory: second });
        expect(describeTree(second)).toEqual(describeTree(first));
        expect(
          (await applyLayer({ archive: tarDirectory({ directory: second }), directory: temporary() })).diffId,
        ).toBe(two.diffId);
      }),
      { numRuns: 40 },
    );
  });

  test("changes in an overlay mount are listed and told with their bytes", async () => {
    const top = temporary();
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(top, name));
    const shell = (script: string): void => {
      execFileSync("unshare", ["-m", "sh", "-ec", script], { cwd: top });
    };
    shell(`cd lower; mkdir "$(printf 'd\\351')" both; touch "$(printf 'd\\351/f\\377')" "$(printf 'both/\\200')"
           touch "$(printf 'gone\\351')"; chown 3:4 "$(printf 'd\\351')"`);
    shell(`mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged; cd merged
           rm "$(printf 'gone\\351')"; echo x > "$(printf 'd\\351/f\\377')"; rm -r both; mkdir both`);
    const changes: string[] = [];
    for await (const { kind, path } of listChanges({ upper: join(top, "upper"), lowers: [join(top, "lower")] }))
      changes.push(`${kind} ${path}`);
    expect(changes).toEqual(["C /both", "D /both/\udc80", "C /d\udce9", "C /d\udce9/f\udcff", "D /gone\udce9"]);
    const copy = temporary();
    await applyLayer({ archive: diffLayer({ upper: join(top, "upper") }), directory: copy });
    expect(readdirSync(copy, { encoding: "buffer" }).map(decodeName).sort()).toEqual(["both", "d\udce9", "gone\udce9"]);
  });

  test("a directory that is only passed through is found below by its bytes", async () => {
    const [lower, directory] = [temporary(), temporary()];
    execFileSync("sh", ["-ec", `cd ${lower}; mkdir "$(printf 'd\\351')"; chown 3:4 "$(printf 'd\\351')"`]);
    const archive = await archiveOf({ entry: tarEntry({ name: "d\udce9/f", type: "file" }) });
    await applyLayer({ archive: once(archive), directory, lowers: [lower] });
    expect(describeTree(directory)["d\udce9"]).toMatch(/^40755 3 4 /);
  });
});
