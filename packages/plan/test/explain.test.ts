import fc from "fast-check";
import { expect, test } from "vitest";
import { explain, explainStep, type Step } from "../src/index.ts";
import { anyStep, anyStepNamed, stepNames } from "./any-step.ts";

for (const name of stepNames)
  test(`${name} is explained in words, whatever its fields are`, () => {
    fc.assert(
      fc.property(anyStepNamed(name), (step) => {
        expect(explainStep(step)).not.toBe("");
        expect(explainStep(step)).not.toMatch(/undefined|\[object/);
      }),
      { numRuns: 20, examples: [] },
    );
  });

const because = { option: "--memory 64m", why: "a limit" };
const cases = [
  {
    step: { do: "write", path: "/sys/fs/cgroup/x/memory.max", text: "67108864", because },
    is: 'write "67108864" to /sys/fs/cgroup/x/memory.max',
    why: "what is written is quoted",
  },
  {
    step: {
      do: "makeNode",
      in: "rootfs",
      path: "/dev/null",
      kind: "character",
      mode: 0o666,
      uid: 0,
      gid: 0,
      major: 1,
      minor: 3,
      because,
    },
    is: "character node ‹rootfs›/dev/null 1:3, mode 0666",
    why: "modes in octal, places inside are marked",
  },
  {
    step: { do: "setUser", uid: 1000, gid: 100, groups: [4, 24], because },
    is: "user 1000, group 100, also in 4 24",
    why: "supplementary groups",
  },
  {
    step: { do: "setCapabilities", effective: 0xa80425fbn, permitted: 0n, inheritable: 0n, ambient: 0n, because },
    is: "capabilities 00000000a80425fb",
    why: "as /proc/PID/status shows it",
  },
  {
    step: { do: "exec", argv: ["sh", "-c", "echo hi"], env: [], because },
    is: 'exec sh -c "echo hi"',
    why: "words with a space are quoted",
  },
] as const satisfies readonly { step: Step; is: string; why: string }[];
for (const { step, is, why } of cases) test(`${step.do}: ${why}`, () => expect(explainStep(step)).toBe(is));

test("a plan is one numbered line a step, with the option behind it", () => {
  const text = explain(cases.map(({ step }) => step));
  expect(text.split("\n")).toHaveLength(cases.length);
  expect(text.split("\n")[2]).toMatch(/^3 {2}user 1000, group 100, also in 4 24 +--memory 64m: a limit$/);
});

test("nothing to do is nothing to say", () => expect(explain([])).toBe(""));

test("a hostile text makes neither a line of its own nor a terminal escape", () => {
  fc.assert(
    fc.property(anyStep, (step) => {
      // Free texts are the fields that hold paths; each line must stay one line.
      expect(explain([step]).split("\n")).toHaveLength(1);
      expect(explain([step])).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});
