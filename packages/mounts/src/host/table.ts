import { readFileSync } from "node:fs";
import { type MountInfo, parseMountInfo } from "../mountinfo.ts";

/** What is mounted, as a process sees it; this one by default. */
export function mountTable(pid: number | "self" = "self"): MountInfo[] {
  return parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
}
