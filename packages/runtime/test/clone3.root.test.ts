import { fileURLToPath } from "node:url";
import { start } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import { seccompSteps } from "@ctr/seccomp";
import { expect, test } from "vitest";
import { hostFacts } from "../src/index.ts";

const because = { option: "test", why: "a container manager finds this inside of another one" };

// Docker's and our own default profile answer clone3 with ENOSYS, so that programs take clone.
test.skipIf(process.getuid?.() !== 0)("where clone3 is missing, clone does (needs root)", async () => {
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
  } as const;
  const script = fileURLToPath(new URL("./without-clone3.ts", import.meta.url));
  const argv = [process.execPath, "--conditions=ctr-source", "--no-warnings", script];
  const run: Step = { do: "exec", argv, env: [`PATH=${process.env.PATH}`], because };
  const child = await start({ steps: [...seccompSteps({ profile, architecture: hostFacts().machine, because }), run] });
  expect(await child.ended()).toEqual({ code: 41, signal: undefined });
});
