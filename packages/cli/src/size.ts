import { Failure } from "./failure.ts";

const units: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes of `64m`, `1.5g`, `4096`, `10MB`, `1GiB`: Docker's units, powers of 1024. @throws {Failure} */
export function parseSize(text: string, option: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([bkmgt])?(?:i?b)?$/i.exec(text);
  if (match === null)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for ${option}: write a size such as 64m or 1.5g`, 125);
  return Math.floor(Number(match[1]) * units[(match[2] ?? "b").toLowerCase()]!);
}

/** `1.23MB`: units of 1000, four significant digits, as `docker images` shows sizes. */
export function showSize(bytes: number): string {
  const names = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < names.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${names[unit]}`;
}
