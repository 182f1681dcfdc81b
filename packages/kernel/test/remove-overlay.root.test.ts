import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { start } from "../src/index.ts";
import { notRoot, ownMounts, plan, shell } from "./programs.ts";
import { temporaryDirectory } from "./temporary.ts";

// A directory of a lower layer cannot be renamed (EXDEV without redirect_dir), so it cannot be lifted to the top.
test.skipIf(notRoot)("a deep directory of a lower layer is removed through an overlay", async () => {
  const directory = temporaryDirectory();
  const [lower, upper, work, target] = ["lower", "upper", "work", "target"].map((name) => join(directory, name)) as [
    ...[string, string, string, string],
  ];
  for (const path of [join(lower, "a/b/c/d"), upper, work, target]) mkdirSync(path, { recursive: true });
  writeFileSync(join(lower, "a/b/c/d/file"), "");
  const options = [`lowerdir+=${lower}`, `upperdir=${upper}`, `workdir=${work}`];
  const child = await start({
    steps: plan(
      ownMounts,
      {
        do: "mount",
        type: "overlay",
        source: "overlay",
        options,
        attributes: [],
        in: "host",
        target,
        missing: "refuse",
      },
      { do: "remove", in: "host", path: join(target, "a") },
      shell('test ! -e "$1"', join(target, "a")),
    ),
    namespaces: ["mount"],
  });
  expect(await child.ended()).toEqual({ code: 0, signal: undefined });
  expect(readdirSync(join(lower, "a/b/c/d"))).toEqual(["file"]);
});
