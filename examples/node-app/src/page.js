import { readFileSync } from "node:fs";
import semver from "semver";

/** What this process can tell about the walls around it. */
export function page() {
  const status = readFileSync("/proc/self/status", "utf8");
  const field = (name) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];
  return [
    `Hello from inside. My PID is ${process.pid}.`,
    `Node ${semver.coerce(process.version)}, time zone ${readFileSync("/etc/timezone", "utf8").trim()}.`,
    `Capabilities ${field("CapEff")}, seccomp mode ${field("Seccomp")}.`,
    `GREETING is ${process.env.GREETING ?? "not set"}.`,
    "",
  ].join("\n");
}
