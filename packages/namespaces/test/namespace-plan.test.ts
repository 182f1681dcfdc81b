import type { Namespace } from "@ctr/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { namespacePlan } from "../src/steps.ts";

const cases: readonly {
  namespaces: readonly Namespace[];
  clone: string[];
  join: string[];
  unshare: string[];
  fork: boolean;
  why: string;
}[] = [
  { namespaces: [], clone: [], join: [], unshare: [], fork: false, why: "all of the caller's" },
  {
    namespaces: [{ type: "mount" }, { type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }],
    ...{ clone: ["mount", "pid", "network", "ipc", "uts"], join: [], unshare: [], fork: false },
    why: "born in them, in one call",
  },
  {
    namespaces: [{ type: "cgroup" }, { type: "mount" }, { type: "time" }],
    ...{ clone: ["mount"], join: [], unshare: ["cgroup", "time"], fork: false },
    why: "a cgroup namespace roots itself where the process is by then; a time namespace takes its offsets first",
  },
  {
    namespaces: [
      { type: "network", path: "/proc/7/ns/net" },
      { type: "user", path: "/proc/7/ns/user" },
      { type: "mount" },
    ],
    ...{ clone: ["mount"], join: ["user", "network"], unshare: [], fork: false },
    why: "the user namespace is entered first: the rights over the others come with it",
  },
  {
    namespaces: [{ type: "pid", path: "/proc/7/ns/pid" }, { type: "mount" }],
    ...{ clone: ["mount"], join: ["pid"], unshare: [], fork: true },
    why: "only children are in a PID namespace that was joined",
  },
];
for (const { namespaces, clone, join, unshare, fork, why } of cases)
  test(`[${namespaces.map((one) => one.type + (one.path === undefined ? "" : " shared")).join(", ")}]: ${why}`, () => {
    const plan = namespacePlan(namespaces);
    expect(plan.clone).toEqual(clone);
    expect(plan.join.map((step) => step.do === "joinNamespace" && step.type)).toEqual(join);
    expect(plan.unshare.flatMap((step) => (step.do === "unshare" ? step.types : []))).toEqual(unshare);
    expect(plan.fork).toBe(fork);
  });

test("a type that is named twice is refused, shared or not", () => {
  for (const second of [{ type: "pid" }, { type: "pid", path: "/proc/1/ns/pid" }] as const)
    expect(() => namespacePlan([{ type: "pid" }, second])).toThrow(
      expect.objectContaining({ code: "ERR_NAMESPACES_DUPLICATE" }),
    );
});

test("every namespace that was asked for is made or joined once, and every step says which option asked", () => {
  const types = ["mount", "pid", "network", "ipc", "uts", "user", "cgroup", "time"] as const;
  const anyList = fc.uniqueArray(
    fc.record({ type: fc.constantFrom(...types), path: fc.option(fc.constant("/proc/1/ns/x"), { nil: undefined }) }),
    {
      selector: ({ type }) => type,
    },
  );
  fc.assert(
    fc.property(anyList, (list) => {
      const namespaces = list.map(({ type, path }): Namespace => (path === undefined ? { type } : { type, path }));
      const plan = namespacePlan(namespaces);
      const joined = plan.join.map((step) => (step.do === "joinNamespace" ? step.type : undefined));
      const late = plan.unshare.flatMap((step) => (step.do === "unshare" ? step.types : []));
      expect([...plan.clone, ...joined, ...late].sort()).toEqual(namespaces.map(({ type }) => type).sort());
      for (const step of [...plan.join, ...plan.unshare]) expect(step.because.option).toMatch(/^linux\.namespaces\./);
    }),
  );
});
