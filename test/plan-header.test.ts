// packages/kernel/native/plan.h is generated from the step table of @ctr/plan.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

test("plan.h is what the step table says", () => {
  const generator = join(import.meta.dirname, "../packages/plan/scripts/generate-header.ts");
  const { status, stderr } = spawnSync(process.execPath, ["--conditions=ctr-source", generator, "--check"], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
