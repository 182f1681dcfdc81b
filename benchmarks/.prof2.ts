import { native } from "../packages/kernel/src/native.ts";
import { run } from "@ctr/runtime";
import { containerConfig } from "./bundle.ts";
const rootfs = process.argv[2]!;
const config = containerConfig({ cgroupsPath: "/ctr-prof/x" });
const med = (a: number[]) => a.toSorted((x, y) => x - y)[a.length >> 1]!;
const phase = new Map<string, number[]>();
const note = (k: string, v: number) => { if (!phase.has(k)) phase.set(k, []); phase.get(k)!.push(v); };
let events: [string, number][] = [];
const n = native() as any;
const wrapped: any = {};
for (const k of Object.keys(n)) {
  const f = n[k];
  try {
  n[k] = (...a: any[]) => {
    if (k === "startWatching") { const cb = a[0]; a = [(id: number) => { events.push(["callback", performance.now()]); cb(id); }]; }
    events.push([k + " begin", performance.now()]); const r = f.apply(n, a); events.push([k + " end", performance.now()]); return r; };
  } catch { console.log("ro"); }
}
for (let i = 0; i < 90; i++) {
  await new Promise((r) => setTimeout(r, 15));
  events = [["call", performance.now()]];
  const c = await run({ config, rootfs });
  events.push(["running", performance.now()]);
  await c.ended();
  events.push(["ended", performance.now()]);
  if (i < 20) continue;
  for (let j = 1; j < events.length; j++) note(String(j).padStart(2) + " " + events[j - 1]![0] + " → " + events[j]![0], events[j]![1] - events[j - 1]![1]);
  note("total", events.at(-1)![1] - events[0]![1]);
}
for (const [k, v] of phase) console.log(med(v).toFixed(3), Math.min(...v).toFixed(3), v.length, k);
