import { expect, test } from "vitest";
import { ImageTree } from "../src/image-tree.ts";

test("a layer has the directories that lead to its files, each before what is in it", () => {
  const tree = new ImageTree();
  tree.text("data", "/a/b/c", "x");
  tree.text("data", "a.txt", "x");
  tree.text("libraries", "a/lib", "x");
  tree.directory("data", "a", 0o700);
  expect(tree.layer("data").map(({ entry }) => `${entry.name} ${entry.mode.toString(8)}`)).toEqual([
    "a/ 700",
    "a/b/ 755",
    "a/b/c 644",
    "a.txt 644",
  ]);
  expect(tree.layer("libraries").map(({ entry }) => entry.name)).toEqual(["a/", "a/lib"]);
});

test("what has a name first keeps it, and files lose their set-id bits", () => {
  const tree = new ImageTree();
  tree.symlink("data", "./f", "target");
  tree.text("data", "/f", "x");
  tree.file("data", "su", { path: "/su", mode: 0o104755, size: 1 });
  expect(tree.layer("data").map(({ entry }) => `${entry.name} ${entry.type} ${entry.mode.toString(8)}`)).toEqual([
    "f symlink 777",
    "su file 755",
  ]);
});
