import { parse, stages } from "@ctr/dockerfile";
import { describe, expect, test } from "vitest";
import { adviseArguments, explainAdvice } from "../src/arg-advice.ts";

const cases = [
  {
    text: "FROM a\nARG SHA\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN npm test\nRUN echo $SHA > v\n",
    says: ["line 2 below line 6: the next change of SHA reruns 1 step instead of 3"],
    why: "RUNs see it and do not need it; COPY and WORKDIR in front of them do not run again",
  },
  {
    text: "FROM a\nARG SHA\nRUN npm ci\nLABEL sha=$SHA\n",
    says: ["line 2 below line 3: the next change of SHA reruns 0 steps instead of 1"],
    why: "only a label needs it",
  },
  { text: "FROM a\nRUN npm ci\nARG SHA\nRUN echo $SHA\n", says: [], why: "it stands where it is used" },
  { text: "FROM a\nARG SHA\nRUN make\nRUN make install\n", says: [], why: "some make may read it, nobody knows which" },
  {
    text: "FROM a\nARG SHA\nRUN make\nENV V=$SHA\nRUN make install\n",
    says: ["line 2 below line 3: the next change of SHA reruns 1 step instead of 2"],
    why: "from ENV on every command sees the value",
  },
  {
    text: "FROM a\nARG SHA\nRUN echo $SHA2\nRUN echo $SHA\n",
    says: ["line 2 below line 3: the next change of SHA reruns 1 step instead of 2"],
    why: "another name that begins alike",
  },
  {
    text: "FROM a\nARG OTHER\nRUN make\nRUN echo $OTHER\n",
    says: [],
    why: "its value does not change from build to build",
  },
  {
    text: "FROM a\nARG SHA\nRUN one\nRUN <<EOF\necho $SHA\nEOF\n",
    says: ["line 2 below line 3: the next change of SHA reruns 1 step instead of 2"],
    why: "a heredoc mentions it",
  },
] as const;

describe("where an ARG should stand", () => {
  for (const { text, says, why } of cases)
    test(`${JSON.stringify(text)}: ${why}`, () => {
      const all = stages(parse(text)).stages.map((stage) => ({
        index: stage.index,
        steps: stage.instructions,
        children: [],
      }));
      expect(adviseArguments(all, new Set(["SHA"])).map(explainAdvice)).toEqual(says);
    });

  test("steps of a stage that begins with this one count as well", () => {
    const text = "FROM a AS b\nARG SHA\nRUN one\nRUN echo $SHA\nFROM b\nRUN two\nCOPY x y\n";
    const [first, second] = stages(parse(text)).stages;
    const all = [
      { index: 0, steps: first!.instructions, children: [1] },
      { index: 1, steps: second!.instructions, children: [] },
    ];
    expect(adviseArguments(all, new Set(["SHA"]))).toMatchObject([{ reruns: 3, instead: 4 }]);
  });
});
