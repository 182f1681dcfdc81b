import { expect, test } from "vitest";
import { parseSize, showSize } from "../src/size.ts";

const read = [
  { text: "4096", is: 4096, why: "bytes" },
  { text: "64m", is: 64 << 20, why: "powers of 1024, as Docker's" },
  { text: "64M", is: 64 << 20, why: "large letters" },
  { text: "10MB", is: 10 << 20, why: "with B" },
  { text: "1GiB", is: 1 << 30, why: "with iB" },
  { text: "1.5g", is: 1.5 * 2 ** 30, why: "fractions" },
  { text: "7b", is: 7, why: "bytes by name" },
  { text: "", is: undefined, why: "nothing" },
  { text: "-1", is: undefined, why: "negative" },
  { text: "1e3", is: undefined, why: "no exponent" },
  { text: "0x10", is: undefined, why: "not hexadecimal" },
  { text: "m", is: undefined, why: "a unit alone" },
  { text: "1 m m", is: undefined, why: "two units" },
  { text: "9".repeat(40), is: undefined, why: "more than a number holds" },
] as const;
for (const { text, is, why } of read)
  test(`${JSON.stringify(text.slice(0, 12))}: ${why}`, () => {
    if (is !== undefined) expect(parseSize(text, "--memory")).toBe(is);
    else
      expect(() => parseSize(text, "--memory")).toThrow(
        expect.objectContaining({ exitCode: 125, message: expect.stringContaining("for --memory: write a size") }),
      );
  });

const shown = [
  { bytes: 0, is: "0B" },
  { bytes: 999, is: "999B" },
  { bytes: 1000, is: "1kB" },
  { bytes: 2_047_123, is: "2.05MB" },
  { bytes: 123_456_789, is: "123MB" },
  { bytes: 5e12, is: "5TB" },
] as const;
for (const { bytes, is } of shown) test(`${bytes} bytes are shown as ${is}`, () => expect(showSize(bytes)).toBe(is));
