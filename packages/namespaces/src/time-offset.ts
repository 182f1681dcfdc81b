import type { TimeOffsets } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { NamespacesError } from "./namespaces-error.ts";

/**
 * Steps that shift the clocks of a new time namespace: they come after its `unshare` and before anything
 * enters it.
 *
 * @see time_namespaces(7), "/proc/pid/timens_offsets"
 */
export function timeOffsetSteps(offsets: TimeOffsets): Step[] {
  const lines = Object.entries(offsets).map(
    ([clock, offset]) => `${clock} ${offset?.secs ?? 0} ${offset?.nanosecs ?? 0}\n`,
  );
  if (lines.length === 0) return [];
  const because = { option: "linux.timeOffsets", why: "its clocks count from elsewhere" };
  return [
    { do: "write", path: "/proc/self/timens_offsets", text: lines.join(""), because },
    // unshare(2) moves only children; a process of one thread may follow by itself.
    { do: "joinNamespace", type: "time", path: "/proc/self/ns/time_for_children", because },
  ];
}

/**
 * Read `--time-offset`: `+1d2h`, `-30s`, `boottime=+90m`, `monotonic=5s`; a bare time shifts both clocks.
 *
 * @throws {NamespacesError} `ERR_NAMESPACES_TIME`
 */
export function parseTimeOffset(text: string): TimeOffsets {
  const match = /^(?:(boottime|monotonic)=)?([+-]?)((?:\d{1,9}[dhms]){1,4}|\d{1,12})$/.exec(text);
  if (match === null)
    throw new NamespacesError(
      "ERR_NAMESPACES_TIME",
      `invalid time offset ${JSON.stringify(text)}: write +1d2h, -30s or boottime=+90m`,
    );
  const [, clock, sign, amount] = match;
  const seconds = { d: 86_400, h: 3600, m: 60, s: 1 } as Record<string, number>;
  let sum = /^\d+$/.test(amount!) ? Number(amount) : 0;
  for (const [, number, unit] of amount!.matchAll(/(\d+)([dhms])/g)) sum += Number(number) * seconds[unit!]!;
  const offset = { secs: sign === "-" ? -sum : sum };
  if (clock === "boottime") return { boottime: offset };
  if (clock === "monotonic") return { monotonic: offset };
  return { boottime: offset, monotonic: offset };
}
