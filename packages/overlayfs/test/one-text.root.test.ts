import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import { expect, onTestFinished, test } from "vitest";
import { overlaySteps } from "../src/index.ts";

const notRoot = process.getuid?.() !== 0;
const because = { option: "test", why: "layers are looked at" };

// Kernels before 6.8 take the layers as one text, longer than fsconfig(2) allows; newer ones still do.
test.skipIf(notRoot)("40 layers as one text, with a comma in their names (needs root)", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr,overlayfs-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const lowers = Array.from({ length: 40 }, (_, index) => join(directory, `layer-${index}`)).toReversed();
  const [upper, work, target] = ["upper", "work", "target"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [...lowers, upper, work, target]) mkdirSync(path);
  writeFileSync(join(lowers[0]!, "top"), "the newest");
  writeFileSync(join(lowers[39]!, "only-oldest"), "");
  const alone: Step = {
    do: "setMount",
    in: "host",
    target: "/",
    recursive: true,
    set: [],
    clear: [],
    propagation: "private",
    because,
  };
  const script =
    'test "$(cat "$1/top")" = "the newest" && test -e "$1/only-oldest" && echo new > "$1/new" && ! grep -q "$2" /proc/self/mountinfo';
  const run: Step = {
    do: "exec",
    argv: ["/bin/sh", "-c", script, "sh", target, ` ${work} `],
    env: ["PATH=/usr/bin:/bin"],
    because,
  };
  const view = overlaySteps({ lowers, upper, work, oneByOne: false, target, because });
  const child = await start({ steps: [alone, ...view, run], namespaces: ["mount"] });
  expect(await child.ended()).toEqual({ code: 0, signal: undefined });
  expect(readdirSync(upper)).toEqual(["new"]);
});
