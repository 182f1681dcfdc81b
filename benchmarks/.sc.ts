import { compile, defaultProfile } from "/work/main/packages/seccomp/src/index.ts";
const c0 = process.cpuUsage(); const t0 = performance.now();
const p = defaultProfile({ capabilities: 0xa80425fbn, architecture: "x86_64" });
const t1 = performance.now();
compile({ profile: p, architecture: "x86_64" });
const t2 = performance.now(); const c = process.cpuUsage(c0);
compile({ profile: p, architecture: "x86_64" });
console.log((t1 - t0).toFixed(2), (t2 - t1).toFixed(2), ((c.user + c.system) / 1000).toFixed(2), "second", (performance.now() - t2).toFixed(2));
