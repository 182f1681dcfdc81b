import { expect, test } from "vitest";
import { checkName, randomName } from "../src/container-name.ts";

const cases = [
  { name: "web", is: true, why: "letters" },
  { name: "web-1.2_x", is: true, why: "what Docker allows" },
  { name: "a".repeat(128), is: true, why: "the longest" },
  { name: "a".repeat(129), is: false, why: "too long" },
  { name: "", is: false, why: "nothing" },
  { name: "-web", is: false, why: "a flag" },
  { name: "../web", is: false, why: "a path" },
  { name: "web\n", is: false, why: "a line feed, which $ alone would let through" },
  { name: "wéb", is: false, why: "not ASCII" },
] as const;
for (const { name, is, why } of cases)
  test(`${JSON.stringify(name.slice(0, 12))}: ${why}`, () => {
    const check = (): void => checkName(name);
    if (is) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: "ERR_ENGINE_NAME" }));
  });

test("what is made up is always allowed", () => {
  for (let round = 0; round < 200; round++) expect(() => checkName(randomName())).not.toThrow();
});

test("a message shows control characters, it does not send them", () => {
  expect(() => checkName("\u001b[2J")).toThrow(/^Invalid container name \(\\u001b\[2J\)/);
});
