import { expect, test } from "vitest";
import { parse, renderError } from "../src/index.ts";

for (const { text, shown, why } of [
  {
    text: "FROM a\nRNU x\n",
    shown: "D:2:1: unknown instruction: RNU\nRNU x\n^^^\ndid you mean RUN?",
    why: "a misspelt instruction",
  },
  {
    text: "FROM a\nCOPY \\\n\t--form=b c d\n",
    shown: "D:3:2: unknown flag: --form\n\t--form=b c d\n\t^^^^^^^^\ndid you mean --from?",
    why: "behind a continuation, behind a tab",
  },
  { text: "", shown: "D:1:1: file with no instructions\n\n^", why: "nothing to show" },
  {
    text: "FROM a\nxyzzyxyzzy 1\r\n",
    shown: "D:2:1: unknown instruction: xyzzyxyzzy\nxyzzyxyzzy 1\n^^^^^^^^^^",
    why: "nothing close enough to suggest",
  },
  {
    text: "FROM a\n\u001b[31m x\n",
    shown: "D:2:1: unknown instruction: \u00b7[31m\n\u00b7[31m x\n^^^^^",
    why: "no escape sequence reaches the terminal",
  },
]) {
  test(why, () => expect(renderError(parse(text, { file: "D" }).errors[0]!, text)).toBe(shown));
}

test("a place far out in a long line is shown without the rest of it", () => {
  const text = `FROM a\nCOPY ${"x ".repeat(10_000)}<<E\nE\n`;
  const shown = renderError(parse(text).errors[0]!, text).split("\n");
  expect(shown[1]!.length).toBeLessThan(200);
  expect(shown[1]!.slice(shown[2]!.indexOf("^"))).toBe("<<E");
});
