import { EngineError } from "./engine-error.ts";

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};
const duration = /^(?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|m|s|us|µs|ns)){1,7}$/;
const date = /^\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/**
 * The moment that a filter such as `until=` means, milliseconds since the epoch: a time ago (`90m`, `1h30m`), seconds
 * since 1970, or a date with or without time; one without a zone is local.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION`
 * @see https://docs.docker.com/reference/cli/docker/image/prune/, "Filtering"
 */
export function parseTimestamp(text: string, now: number = Date.now()): number {
  if (text.length <= 200 && duration.test(text)) return now - durationOf(text);
  if (/^\d{1,12}(?:\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  const match = date.exec(text);
  const time = match === null ? Number.NaN : Date.parse(completed(text, match[1]));
  if (!Number.isNaN(time)) return time;
  throw new EngineError(
    "ERR_ENGINE_OPTION",
    `${JSON.stringify(text.slice(0, 100))} is no time: write a duration such as 24h, seconds since 1970, or a date such as 2026-01-31T12:00:00Z`,
    { exitCode: 1 },
  );
}

function durationOf(text: string): number {
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g)) sum += Number(number) * units[unit!]!;
  return sum;
}

// A date alone would be UTC for JavaScript, and hours alone nothing.
function completed(text: string, zone = ""): string {
  const bare = text.slice(0, text.length - zone.length);
  const [day, time = "00:00"] = bare.split("T");
  return `${day}T${time.length === 2 ? `${time}:00` : time}${zone}`;
}
