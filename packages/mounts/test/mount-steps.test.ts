import type { Mount } from "@ctr/oci";
import { explainStep } from "@ctr/plan";
import { expect, test } from "vitest";
import { mountSteps } from "../src/steps.ts";

const because = { option: "mounts[0]", why: "test" };
const cases: readonly { mount: Mount; file?: boolean; is: string[]; why: string }[] = [
  {
    mount: { destination: "/proc", type: "proc", source: "proc", options: ["nosuid"] },
    is: ["mount proc at ‹rootfs›/proc (noSuid)"],
    why: "a file system",
  },
  {
    mount: { destination: "/tmp", type: "tmpfs", options: ["size=1m", "ro"] },
    is: ["mount tmpfs at ‹rootfs›/tmp (size=1m, readOnly)"],
    why: "options for both",
  },
  {
    mount: { destination: "/b", type: "bind", source: "/a", options: ["ro"] },
    is: ["bind /a at ‹rootfs›/b (readOnly)"],
    why: "one mount: its flags at once",
  },
  {
    mount: { destination: "/b", source: "/a", options: ["rbind", "rro", "rprivate"] },
    is: ["bind /a at ‹rootfs›/b (recursive, readOnly)", "make ‹rootfs›/b private, and all below"],
    why: "flags for all below go with the clone",
  },
  {
    mount: { destination: "/b", source: "/a", options: ["rbind", "ro"] },
    is: ["bind /a at ‹rootfs›/b (recursive)", "make ‹rootfs›/b readOnly"],
    why: "flags for the top alone come after",
  },
];
for (const { mount, is, why } of cases)
  test(`${mount.destination}: ${why}`, () => {
    const steps = mountSteps({ mount, because });
    expect(steps.map(explainStep)).toEqual(is);
    for (const step of steps) expect(step.because).toBe(because);
  });

test("what is made where nothing is: the same as the source", () => {
  const mount = { destination: "/b", type: "bind", source: "/a" };
  expect(mountSteps({ mount, because, sourceIsFile: true })[0]).toMatchObject({ missing: "file" });
  expect(mountSteps({ mount, because })[0]).toMatchObject({ missing: "directory" });
  expect(mountSteps({ mount, because, missing: "fixed" })[0]).toMatchObject({ missing: "fixed" });
});
