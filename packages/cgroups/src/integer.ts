import { badValue } from "./cgroups-error.ts";

/**
 * `value` when it is a whole number of the range; both ends belong to it.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`, naming `option`
 */
export function integerIn(
  value: number | bigint,
  option: string,
  min: number,
  max: number = Number.POSITIVE_INFINITY,
): number | bigint {
  const whole = typeof value === "bigint" || Number.isInteger(value);
  if (whole && value >= min && value <= max) return value;
  const range = max === Number.POSITIVE_INFINITY ? `${min} or more` : `${min} to ${max}`;
  throw badValue(option, `${String(value)} is not a whole number of the range ${range}`);
}
