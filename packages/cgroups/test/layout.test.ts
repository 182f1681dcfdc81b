import fc from "fast-check";
import { expect, test } from "vitest";
import { CgroupError, parseLayout } from "../src/steps.ts";
import { hybrid, v1, v2 } from "./layouts.ts";

const parse = (mountinfo: string, cgroup = "", unifiedControllers = ""): ReturnType<typeof parseLayout> =>
  parseLayout({ mountinfo, cgroup, unifiedControllers });

test("the three kinds are told apart", () => {
  expect([v1.kind, hybrid.kind, v2.kind]).toEqual(["v1", "hybrid", "v2"]);
});

test("hybrid: each controller where it is; freezing is v1's while v1 has it", () => {
  expect(hybrid.controllers.memory).toEqual({ version: 1, mount: "/sys/fs/cgroup/memory", root: "/", writable: true });
  expect(hybrid.controllers.hugetlb?.mount).toBe("/sys/fs/cgroup/unified");
  expect(hybrid.controllers.freezer?.version).toBe(1);
  expect(hybrid.controllers.rdma).toBeUndefined();
});

test("v2 alone: freezing and devices need no controller", () => {
  expect(v2.controllers.freezer).toBe(v2.unified);
  expect(v2.controllers.devices).toBe(v2.unified);
});

test("our own cgroup in each tree", () => {
  expect(hybrid.own.get("/sys/fs/cgroup/memory")).toBe("/process/1");
  expect(v2.own.get("/sys/fs/cgroup")).toBe("/user.slice");
});

test("a name=systemd tree beside v2 makes no hybrid", () => {
  const mountinfo = `30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd`;
  expect(parse(mountinfo).kind).toBe("v2");
});

test("two controllers in one tree share a directory", () => {
  const { controllers } = parse("33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct");
  expect(controllers.cpu).toBe(controllers.cpuacct);
});

test("of two mounts of a tree the whole one under /sys/fs/cgroup is used", () => {
  const { unified } = parse(`1 1 0:1 /a /sys/fs/cgroup/part rw - cgroup2 cgroup2 rw
2 1 0:1 / /mnt/my\\040tree rw - cgroup2 cgroup2 rw
3 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw`);
  expect(unified?.mount).toBe("/sys/fs/cgroup");
  expect(parse("2 1 0:1 / /mnt/my\\040tree rw - cgroup2 cgroup2 rw").unified?.mount).toBe("/mnt/my tree");
});

test("read-only inside a container", () => {
  expect(parse("3 1 0:1 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw").unified?.writable).toBe(false);
});

test("no tree at all", () => {
  expect(() => parse("22 1 254:0 / / rw - ext4 /dev/root rw")).toThrow(
    expect.objectContaining({ code: "ERR_CGROUPS_LAYOUT" }),
  );
});

test("whatever the text, it is read or refused with our error", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (noise, more) => {
      try {
        parse(`3 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n${noise} - cgroup x ${more}`, more, noise);
        parse(noise, more);
      } catch (error) {
        expect(error).toBeInstanceOf(CgroupError);
      }
    }),
  );
});
