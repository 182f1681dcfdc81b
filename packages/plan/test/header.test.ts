import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("packages/kernel/native/plan.h is what layout.ts says", () => {
  const script = fileURLToPath(new URL("../scripts/generate-header.ts", import.meta.url));
  const check = (): Buffer => execFileSync(process.execPath, ["--conditions=ctr-source", script, "--check"]);
  expect(check).not.toThrow();
});
