import { writeFileSync } from "node:fs";
import { run } from "@ctr/runtime";
import { containerConfig } from "./bundle.ts";
const rootfs = process.argv[2]!;
const config = containerConfig({ cgroupsPath: "/ctr-prof/x" });
const T = "/tmp/trc/instances/ctrb";
for (let i = 0; i < 30; i++) {
  await new Promise((r) => setTimeout(r, 15));
  if (i >= 25) writeFileSync(T + "/tracing_on", "1");
  if (i >= 25) writeFileSync(T + "/trace_marker", "BEGIN\n");
  const t = performance.now();
  const c = await run({ config, rootfs });
  if (i >= 25) writeFileSync(T + "/trace_marker", "RUNNING\n");
  await c.ended();
  if (i >= 25) writeFileSync(T + "/trace_marker", "ENDED\n");
  if (i >= 25) {writeFileSync(T + "/tracing_on", "0"); console.log(performance.now() - t); }
}
