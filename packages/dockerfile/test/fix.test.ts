// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { check } from "../src/check/index.ts";
import { applyFixes, type FixRuleName, fix, fixRules, fixText } from "../src/fix/index.ts";
import { parse } from "../src/index.ts";

interface Row {
  why: string;
  before: string;
  /** Without it nothing changes. */
  after?: string;
}

const rows: Partial<Record<FixRuleName, Row[]>> = {
  ChownInCopy: [
    {
      why: "the directory came with the files",
      before: "FROM a\nCOPY . /app\nRUN chown -R 1:2 /app\nUSER x\n",
      after: "FROM a\nCOPY --chown=1:2 . /app\nUSER x\n",
    },
    {
      why: "several copies, the directory was there",
      before: "FROM a\nWORKDIR /app\nCOPY a ./a\nCOPY --link b ./b\nRUN chown -R u:g .\n",
      after: "FROM a\nWORKDIR /app\nCOPY --chown=u:g a ./a\nCOPY --chown=u:g --link b ./b\nRUN chown u:g .\n",
    },
    { why: "an owner without a group is another one for COPY", before: "FROM a\nCOPY . /app\nRUN chown -R u /app\n" },
    {
      why: "a command in between may have made files",
      before: "FROM a\nCOPY . /app\nRUN make\nRUN chown -R u:g /app\n",
    },
    { why: "a part of what was copied", before: "FROM a\nCOPY . /app\nRUN chown -R u:g /app/data\n" },
    { why: "a name that only begins alike", before: "FROM a\nCOPY . /app2\nRUN chown -R u:g /app\n" },
    { why: "a directory that only the base image knows", before: "FROM a\nCOPY . app\nRUN chown -R u:g app\n" },
    { why: "more than one command", before: "FROM a\nCOPY . /app\nRUN chown -R u:g /app && id\n" },
    { why: "the whole file system", before: "FROM a\nCOPY . /\nRUN chown -R u:g /\n" },
    { why: "only part of the user's rights", before: "FROM a\nUSER x\nCOPY . /app\nRUN chown -R u:g /app\n" },
    { why: "as it was copied by another one", before: "FROM a\nCOPY --chown=1:1 . /app\nRUN chown -R u:g /app\n" },
  ],
  ArgBelowSteps: [
    {
      why: "a command that does not need it stands between",
      before: "FROM a\n# SHA is the commit\nARG SHA\nRUN make\nRUN echo $SHA\n",
      after: "FROM a\nRUN make\n# SHA is the commit\nARG SHA\nRUN echo $SHA\n",
    },
    {
      why: "above the comment of its user",
      before: "FROM a\nARG SHA=1\nRUN make\n# why\nLABEL x=${SHA}",
      after: "FROM a\nRUN make\nARG SHA=1\n# why\nLABEL x=${SHA}",
    },
    { why: "nothing dear stands between", before: "FROM a\nARG SHA\nWORKDIR /x\nRUN echo $SHA\n" },
    { why: "nobody asks for it by name", before: "FROM a\nARG SHA\nRUN make\nRUN test\n" },
    { why: "programs read it unasked", before: "FROM a\nARG DEBIAN_FRONTEND=x\nRUN make\nRUN echo $DEBIAN_FRONTEND\n" },
    { why: "the name goes on", before: "FROM a\nARG SHA\nRUN make\nRUN echo $SHA1 ${SHAKE}\n" },
    { why: "its value depends on others", before: "FROM a\nARG X=$Y\nRUN make\nRUN echo $X\n" },
    { why: "set anew before it is used", before: "FROM a\nARG X\nRUN make\nENV X=1\nRUN echo $X\n" },
    {
      why: "a heredoc uses it",
      before: "FROM a\nARG SHA\nRUN make\nRUN <<E\necho $SHA\nE\n",
      after: "FROM a\nRUN make\nARG SHA\nRUN <<E\necho $SHA\nE\n",
    },
  ],
  CacheMount: [
    {
      why: "one directory",
      before: "FROM a\nRUN npm ci\n",
      after: "FROM a\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
    },
    {
      why: "two, and the end that would empty them",
      before: "FROM a\nRUN apt-get update && apt-get install -y x \\\n && rm -rf /var/lib/apt/lists/*\n",
      after:
        "FROM a\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n    --mount=type=cache,target=/var/lib/apt,sharing=locked \\\n    apt-get update && apt-get install -y x\n",
    },
    {
      why: "a flag that would not let it be used",
      before: "FROM a\nRUN apk add --no-cache git\n",
      after: "FROM a\nRUN --mount=type=cache,target=/etc/apk/cache,sharing=locked apk add git\n",
    },
    {
      why: "behind the flags there are",
      before: "FROM a\nRUN --network=host pip install --no-cache-dir x\n",
      after: "FROM a\nRUN --network=host \\\n    --mount=type=cache,target=/root/.cache/pip \\\n    pip install x\n",
    },
    {
      why: "among flags on lines of their own",
      before: "FROM a\nRUN --mount=type=bind,target=. \\\n    go mod download\n",
      after:
        "FROM a\nRUN --mount=type=bind,target=. \\\n    --mount=type=cache,target=/go/pkg/mod \\\n    go mod download\n",
    },
    {
      why: "two directories of one manager",
      before: "FROM a\nRUN go build ./...\n",
      after:
        "FROM a\nRUN --mount=type=cache,target=/go/pkg/mod \\\n    --mount=type=cache,target=/root/.cache/go-build \\\n    go build ./...\n",
    },
    { why: "there is one already", before: "FROM a\nRUN --mount=type=cache,target=/root/.npm npm ci\n" },
    {
      why: "there is one elsewhere that bears the name",
      before: "FROM a\nRUN --mount=type=cache,target=/pnpm/store pnpm install\n",
    },
    { why: "another user has another home", before: "FROM a\nUSER node\nRUN npm ci\n" },
    {
      why: "root again",
      before: "FROM a\nUSER node\nUSER 0:0\nRUN npm ci\n",
      after: "FROM a\nUSER node\nUSER 0:0\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
    },
    { why: "only its name is there", before: 'FROM a\nRUN echo "use npm ci" && npm run build\n' },
    { why: "an end that cannot be taken out", before: "FROM a\nRUN apt-get update; rm -rf /var/lib/apt/lists/*; x\n" },
    { why: "comments inside", before: "FROM a\nRUN apk add --no-cache \\\n  # why\n  git\n" },
    { why: "the JSON form", before: 'FROM a\nRUN ["npm", "ci"]\n' },
    { why: "nothing is downloaded", before: "FROM a\nRUN pip install --no-index x\n" },
    {
      why: "another escape character",
      before: "# escape=`\nFROM a\nRUN go test `\n ./...\n",
      after:
        "# escape=`\nFROM a\nRUN --mount=type=cache,target=/go/pkg/mod `\n    --mount=type=cache,target=/root/.cache/go-build `\n    go test `\n ./...\n",
    },
  ],
  ManifestBeforeSources: [
    {
      why: "a command of its own",
      before: "FROM a\nCOPY . .\nRUN npm ci\nRUN npm test\n",
      after: "FROM a\nCOPY package.json package-lock.json* ./\nRUN npm ci\nCOPY . .\nRUN npm test\n",
    },
    {
      why: "the first of several",
      before: "FROM a\nCOPY --chown=1:1 . .\nRUN npm install \\\n && npm run build \\\n && npm test\n",
      after:
        "FROM a\nCOPY --chown=1:1 package.json package-lock.json* ./\nRUN npm install\nCOPY --chown=1:1 . .\nRUN npm run build \\\n && npm test\n",
    },
    {
      why: "with the flags of its command",
      before: "FROM a\nWORKDIR /w\nCOPY . /w\nRUN --mount=type=cache,target=/root/.cache pip install -r req/base.txt\n",
      after:
        "FROM a\nWORKDIR /w\nCOPY req/base.txt ./\nRUN --mount=type=cache,target=/root/.cache pip install -r req/base.txt\nCOPY . /w\n",
    },
    { why: "somewhere else", before: "FROM a\nWORKDIR /w\nCOPY . /x\nRUN npm ci\n" },
    { why: "out of a stage", before: "FROM a AS b\nFROM a\nCOPY --from=b . .\nRUN npm ci\n" },
    { why: "a package, not what the manifest says", before: "FROM a\nCOPY . .\nRUN npm install left-pad\n" },
    { why: "not first", before: "FROM a\nCOPY . .\nRUN make && npm ci\n" },
    { why: "it is so already", before: "FROM a\nCOPY package.json ./\nRUN npm ci\nCOPY . .\n" },
  ],
  SecretMount: [
    {
      why: "ARG, for one of two commands",
      before: "FROM a\nARG NPM_TOKEN\nRUN make\nRUN echo $NPM_TOKEN\n",
      after: "FROM a\nRUN make\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN echo $NPM_TOKEN\n",
    },
    {
      why: "ENV among others",
      before: "FROM a\nENV A=1 PASSWORD=x B=2\nRUN echo ${PASSWORD}\n",
      after: "FROM a\nENV A=1 B=2\nRUN --mount=type=secret,id=PASSWORD,env=PASSWORD echo ${PASSWORD}\n",
    },
    {
      why: "ENV, the last of two",
      before: "FROM a\nENV A=1 \\\n    PASSWORD=x\nRUN echo ${PASSWORD}\n",
      after: "FROM a\nENV A=1\nRUN --mount=type=secret,id=PASSWORD,env=PASSWORD echo ${PASSWORD}\n",
    },
    { why: "the image itself uses it", before: "FROM a\nARG TOKEN\nLABEL x=$TOKEN\nRUN echo $TOKEN\n" },
    { why: "no command of the build uses it", before: "FROM a\nENV TOKEN=x\nCMD y\n" },
    { why: "no secret", before: "FROM a\nARG PUBLIC_KEY\nRUN echo $PUBLIC_KEY\n" },
  ],
  FromAsCasing: [
    {
      why: "as FROM is",
      before: "FROM a as b\nfrom c AS d\nFrom e aS f\n",
      after: "FROM a AS b\nfrom c as d\nFrom e aS f\n",
    },
  ],
  InstructionCasing: [{ why: "as most are", before: "FROM a\nrun b\nUser c\n", after: "FROM a\nRUN b\nUSER c\n" }],
  NoEmptyContinuation: [
    {
      why: "blank lines go, comments stay",
      before: "FROM a\nRUN b \\\n\n  # c\n \t\n  d\n\nUSER e\n",
      after: "FROM a\nRUN b \\\n  # c\n  d\n\nUSER e\n",
    },
  ],
  KeyValueFormat: [
    { why: "one word", before: "FROM a\nENV b c\n", after: "FROM a\nENV b=c\n" },
    { why: "several words", before: "FROM a\nLABEL b c  d\n", after: 'FROM a\nLABEL b="c  d"\n' },
    { why: "quotes around all", before: 'FROM a\nENV b "c d"\n', after: 'FROM a\nENV b="c d"\n' },
    { why: "quotes inside", before: `FROM a\nENV b c 'd e' f\n`, after: `FROM a\nENV b=c\\ 'd e'\\ f\n` },
    { why: "over two lines", before: "FROM a\nENV b c \\\n  d\n", after: 'FROM a\nENV b="c   d"\n' },
    { why: "comments inside", before: "FROM a\nENV b c \\\n# why\n  d\n" },
    {
      why: "another escape character",
      before: "# escape=`\nFROM a\nENV b c` d e\n",
      after: "# escape=`\nFROM a\nENV b=c` d` e\n",
    },
  ],
  ExecForm: [
    { why: "words", before: "FROM a\nCMD a 'b c' -d\n", after: 'FROM a\nCMD ["a", "b c", "-d"]\n' },
    { why: "exec is what it is", before: "FROM a\nENTRYPOINT exec a b\n", after: 'FROM a\nENTRYPOINT ["a", "b"]\n' },
    { why: "over two lines", before: "FROM a\nCMD a \\\n  b\n", after: 'FROM a\nCMD ["a", "b"]\n' },
    { why: "a variable", before: "FROM a\nCMD a $B\n" },
    { why: "two commands", before: "FROM a\nCMD a && b\n" },
    { why: "a redirection", before: "FROM a\nCMD a > b\n" },
    { why: "an assignment", before: "FROM a\nCMD A=1 b\n" },
    { why: "what only a shell can do", before: "FROM a\nCMD cd x\n" },
    { why: "a shell that was chosen", before: 'FROM a\nSHELL ["x"]\nCMD a b\n' },
    { why: "a backslash", before: "FROM a\nCMD a 'b\\c'\n" },
  ],
};

for (const [rule, list] of Object.entries(rows))
  describe(rule, () =>
    test.each(list)("$why", ({ before, after = before }) => {
      const options = { rules: [rule as FixRuleName] };
      const file = parse(before);
      expect(file.errors).toEqual([]);
      expect(applyFixes(file, fix(file, options))).toEqual({ text: after, left: [] });
      expect(parse(after).errors).toEqual([]);
      expect(fix(parse(after), options)).toEqual([]);
    }),
  );

test("every rule has cases", () => expect(Object.keys(rows).toSorted()).toEqual(fixRules.toSorted()));

test("a fix says what it saves, and how much where that was measured", () => {
  const file = parse("FROM a\nCOPY . /app\nRUN chown -R 1:2 /app\n");
  expect(fix(file, { stepSizes: new Map([[3, 4096]]) })).toMatchObject([
    {
      rule: "ChownInCopy",
      savedBytes: 4096,
      saves: expect.stringContaining("second copy"),
      assumes: expect.any(String),
    },
  ]);
  const arg = parse("FROM a\nARG SHA\nRUN make\nRUN test\nRUN echo $SHA\n");
  expect(fix(arg)).toMatchObject([
    { saves: "time: a change of SHA reruns 1 step instead of 3", savedBytes: undefined },
  ]);
});

test("a broken file and one that nobody wrote by hand have no fixes", () => {
  expect(fix(parse("FROM a as b\nRNU x\n"))).toEqual([]);
  expect(fix(parse(`FROM a as b\n${"USER x\n".repeat(3000)}`))).toEqual([]);
});

test("fixes that touch each other wait for the next round", () => {
  const text = "FROM a\nARG TOKEN\nRUN make\nRUN npm ci $TOKEN\n";
  const file = parse(text);
  const { left } = applyFixes(file, fix(file));
  expect(left.map(({ rule }) => rule)).toEqual(["ArgBelowSteps", "CacheMount"]);
  expect(fixText(text)).toBe(
    "FROM a\nRUN make\nRUN --mount=type=secret,id=TOKEN,env=TOKEN \\\n    --mount=type=cache,target=/root/.npm \\\n    npm ci $TOKEN\n",
  );
});

const files = new URL("files/", import.meta.url);
describe("real files", () => {
  for (const name of readdirSync(files))
    test(name, () => {
      const text = readFileSync(new URL(name, files), "utf8");
      const fixed = fixText(text);
      expect(parse(fixed).errors).toEqual([]);
      expect(fixText(fixed)).toBe(fixed);
      const count = (source: string): number => check(parse(source)).warnings.length;
      expect(count(fixed)).toBeLessThanOrEqual(count(text));
    });
});
