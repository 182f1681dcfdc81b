import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { treeMembers, walkTree } from "../src/index.ts";
import { temporary } from "./tree.ts";

let directory: string;
beforeEach(() => {
  directory = temporary();
  mkdirSync(join(directory, "b/c"), { recursive: true });
  for (const name of ["a", "b/x", "b/c/y", "d"]) writeFileSync(join(directory, name), name);
  symlinkSync("a", join(directory, "link"));
  linkSync(join(directory, "b/x"), join(directory, "z"));
});

async function namesOf(options: Omit<Parameters<typeof treeMembers>[0], "directory">): Promise<string[]> {
  const names: string[] = [];
  for await (const { entry } of treeMembers({ directory, ...options })) names.push(entry.name);
  return names;
}

const cases = [
  { only: undefined, is: ["./", "a", "b/", "b/c/", "b/c/y", "b/x", "d", "link", "z"], why: "the whole tree" },
  { only: "b", is: ["./", "b/", "b/c/", "b/c/y", "b/x"], why: "one directory" },
  { only: "link", is: ["./", "link"], why: "a link, not what it points to" },
  { only: "nothing", is: ["./"], why: "a name that is not there" },
] as const;
for (const { only, is, why } of cases)
  test(`only ${only}: ${why}`, async () => expect(await namesOf({ only })).toEqual(is));

test("a name that a layer cannot hold is refused, unless the archive is none", async () => {
  writeFileSync(join(directory, ".wh.x"), "");
  await expect(namesOf({ only: ".wh.x" })).rejects.toMatchObject({ code: "ERR_LAYERS_SOURCE" });
  expect(await namesOf({ only: ".wh.x", plainNames: true })).toEqual(["./", ".wh.x"]);
});

test("names that go while the tree is walked are left out", () => {
  const names: string[] = [];
  for (const { name } of walkTree(directory)) {
    names.push(name);
    if (name === "a") for (const gone of ["b", "link"]) rmSync(join(directory, gone), { recursive: true });
  }
  expect(names).toEqual(["", "a", "d", "z"]);
});
