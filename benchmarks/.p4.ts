import { cgroupSteps, detectLayout } from "@ctr/cgroups";
import { containerConfig } from "./bundle.ts";
const config = containerConfig({ cgroupsPath: "/ctr-prof/x" });
const s = cgroupSteps({ layout: detectLayout(), path: "/ctr-prof/x", resources: config.linux!.resources!, because: { option: "", why: "" }, intoCgroup: true });
console.log(s.create, s.limits.map((l: any) => l.path + " " + l.text), s.join.length);
let a = []; for (let i = 0; i < 200; i++) { const t = performance.now(); cgroupSteps({ layout: detectLayout(), path: "/ctr-prof/x", resources: config.linux!.resources!, because: { option: "", why: "" }, intoCgroup: true }); a.push(performance.now() - t); }
console.log(a[0], a.sort((x, y) => x - y)[100]);
const l = detectLayout(); a = []; for (let i = 0; i < 200; i++) { const t = performance.now(); cgroupSteps({ layout: l, path: "/ctr-prof/x", resources: config.linux!.resources!, because: { option: "", why: "" }, intoCgroup: true }); a.push(performance.now() - t); }
console.log(a[0], a.sort((x, y) => x - y)[100]);
