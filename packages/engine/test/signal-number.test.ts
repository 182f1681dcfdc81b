import { expect, test } from "vitest";
import { signalNumber } from "../src/index.ts";

const cases = [
  { signal: "TERM", is: 15, why: "a name" },
  { signal: "SIGTERM", is: 15, why: "with SIG" },
  { signal: "sigterm", is: 15, why: "in small letters" },
  { signal: "9", is: 9, why: "a number" },
  { signal: "64", is: 64, why: "the last one" },
  { signal: "RTMIN", is: 34, why: "the first real-time signal that libc leaves" },
  { signal: "RTMIN+3", is: 37, why: "what systemd stops at" },
  { signal: "0", is: undefined, why: "asks whether a process is there: not a signal" },
  { signal: "65", is: undefined, why: "past the last" },
  { signal: "RTMIN+99", is: undefined, why: "past the last" },
  { signal: "SIGNOTHING", is: undefined, why: "no name" },
  { signal: "toString", is: undefined, why: "a property of every object" },
  { signal: "", is: undefined, why: "nothing" },
] as const;
for (const { signal, is, why } of cases)
  test(`${JSON.stringify(signal)}: ${why}`, () => {
    if (is !== undefined) expect(signalNumber(signal)).toBe(is);
    else
      expect(() => signalNumber(signal)).toThrow(
        expect.objectContaining({ code: "ERR_ENGINE_OPTION", message: `Invalid signal: ${signal}` }),
      );
  });
