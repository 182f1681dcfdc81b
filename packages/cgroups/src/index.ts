export { Cgroup, openCgroup } from "./host/cgroup.ts";
export { createCgroup } from "./host/create.ts";
export { detectLayout } from "./host/layout.ts";
export type { CgroupStats } from "./host/stats.ts";
export type { Patience } from "./host/wait.ts";
export * from "./steps.ts";
