import { run } from "/work/main/packages/runtime/src/index.ts";
import { hostFacts } from "/work/main/packages/runtime/src/index.ts";
import { prepareContainer } from "/work/main/packages/runtime/src/index.ts";
import { containerConfig } from "/work/main/benchmarks/bundle.ts";
import { encode, explainStep } from "@ctr/plan";
import { compile } from "@ctr/seccomp";
import { detectLayout, createCgroup } from "@ctr/cgroups";
const rootfs = process.argv[2]!;
const config = containerConfig({ cgroupsPath: "/ctr-prof/x" });
const med = (a: number[]) => a.toSorted((x, y) => x - y)[a.length >> 1]!;
const steps = new Map<string, number[]>();
const phase = new Map<string, number[]>();
const note = (m: Map<string, number[]>, k: string, v: number) => { if (!m.has(k)) m.set(k, []); m.get(k)!.push(v); };
for (let i = 0; i < 80; i++) {
  await new Promise((r) => setTimeout(r, 15));
  const t0 = performance.now();
  const c = await run({ config, rootfs, timing: true });
  const t1 = performance.now();
  await c.ended();
  const t2 = performance.now();
  if (i < 10) continue;
  note(phase, "run()", t1 - t0); note(phase, "ended()", t2 - t1); note(phase, "total", t2 - t0);
  let sum = 0;
  for (const [i, s] of c.timing().entries()) { note(steps, i + " " + explainStep(s.step).slice(0, 90), s.milliseconds); sum += s.milliseconds; }
  note(phase, "steps", sum);
}
for (let i = 0; i < 80; i++) {
  await new Promise((r) => setTimeout(r, 5));
  let t = performance.now();
  const f = hostFacts(); let u = performance.now(); if (i >= 10) note(phase, "hostFacts", u - t); t = u;
  const { program } = compile({ profile: config.linux!.seccomp!, architecture: "x86_64" }); u = performance.now(); if (i >= 10) note(phase, `seccomp compile (${program.length / 8})`, u - t); t = u;
  t = performance.now();
  const p = await prepareContainer({ config, rootfs }); u = performance.now(); if (i >= 10) note(phase, "prepareContainer", u - t); t = u;
  encode(p.plan.steps); u = performance.now(); if (i >= 10) note(phase, "encode", u - t); t = u;
  await p.discard(); u = performance.now(); if (i >= 10) note(phase, "discard", u - t); t = u;
  const cg = await createCgroup({ layout: f.layout, path: "/ctr-prof/y", resources: config.linux!.resources!, intoCgroup: true }); u = performance.now(); if (i >= 10) note(phase, "createCgroup", u - t); t = u;
  await cg.remove(); u = performance.now(); if (i >= 10) note(phase, "cgroup.remove", u - t); t = u;
}
for (const [k, v] of phase) console.log(med(v).toFixed(3), Math.min(...v).toFixed(3), k);
console.log("steps");
for (const [k, v] of [...steps].sort((a, b) => med(b[1]) - med(a[1])).slice(0, 25)) console.log(med(v).toFixed(3), Math.min(...v).toFixed(3), k);
{
  const { containerPlan } = await import("/work/main/packages/runtime/src/container-plan.ts");
  const { defaultProfile } = await import("@ctr/seccomp");
  const f = hostFacts(); const { planOf } = await import("/work/main/packages/runtime/src/index.ts");
  const t = (n: string, fn: () => void) => { const a = []; for (let i = 0; i < 200; i++) { const s = performance.now(); fn(); a.push(performance.now() - s); } console.log(n, "first", a[0].toFixed(3), "median", med(a).toFixed(3)); };
  t("planOf", () => planOf({ config, rootfs }, f, []));
  t("defaultProfile", () => defaultProfile({ capabilities: 0n, architecture: "x86_64" }));
}
