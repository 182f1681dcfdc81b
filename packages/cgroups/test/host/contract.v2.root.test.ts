import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { LinuxResources } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { createCgroup, detectLayout } from "../../src/index.ts";
import { cgroupContract } from "./contract.ts";

// In the machine of `npm run test:vm`, and wherever cgroup v2 has all controllers.
const isRoot = process.getuid?.() === 0;
const layout = isRoot ? detectLayout() : undefined;

if (layout?.kind !== "v2") test.skip("needs root and pure cgroup v2: npm run test:vm");
else {
  describe("cgroups v2", () => cgroupContract(layout));

  describe("what only v2 has", () => {
    const cases: { resources: LinuxResources; file: string; text: string; why: string }[] = [
      { resources: { unified: { "memory.high": "33554432" } }, file: "memory.high", text: "33554432", why: "by name" },
      {
        resources: { memory: { limit: 64 << 20, swap: 96 << 20 } },
        file: "memory.swap.max",
        text: "33554432",
        why: "swap is counted alone",
      },
      {
        resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }] },
        file: "hugetlb.2MB.rsvd.max",
        text: "4194304",
        why: "reserved pages, too",
      },
      { resources: { cpu: { quota: -1 } }, file: "cpu.max", text: "max 100000", why: "no quota in the usual period" },
    ];
    for (const { resources, file, text, why } of cases)
      test(`${JSON.stringify(resources)}: ${why}`, async () => {
        const path = `/ctr-test-${randomUUID()}/inner`;
        const cgroup = await createCgroup({ layout, path, resources, always: [] });
        expect(readFileSync(`${layout.unified?.mount}${path}/${file}`, "utf8").trim()).toBe(text);
        await cgroup.remove();
      });
  });
}
