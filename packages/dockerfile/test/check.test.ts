// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import { describe, expect, test } from "vitest";
import { type CheckInput, check, checkRules } from "../src/check/index.ts";
import { createIgnoreMatcher, parse, parseIgnore, parseInstruction, type Trigger } from "../src/index.ts";

interface Row {
  why: string;
  text: string;
  input?: CheckInput;
  /** `line rule`, and what is behind it is part of the detail. */
  is?: string[];
  /** A part of the message that ends the check. */
  error?: string;
}

function run({ text, input, is = [], error }: Row): void {
  const report = check(parse(text), input);
  const found = report.warnings.map(({ range, rule, detail }) => `${range.start.line} ${rule}: ${detail}`);
  expect(found).toHaveLength(is.length);
  for (const [index, wanted] of is.entries()) {
    const [start = "", rest] = wanted.split(": ");
    expect(found[index]).toMatch(new RegExp(`^${start}:`));
    if (rest !== undefined) expect(found[index]).toContain(rest);
  }
  if (error === undefined) expect(report.error?.message).toBeUndefined();
  else expect(report.error?.message).toContain(error);
}

const rows: Record<string, Row[]> = {
  "which checks apply": [
    { why: "all of them", text: "FROM a as b\nCMD x", is: ["1 FromAsCasing", "2 JSONArgsRecommended"] },
    { why: "all but one", text: "# check=skip=FromAsCasing\nFROM a as b\nCMD x", is: ["3 JSONArgsRecommended"] },
    { why: "none", text: "# check=skip=all\nFROM a as b\nCMD x" },
    {
      why: "what is behind a space is a remark",
      text: "# check=skip=FromAsCasing, JSONArgsRecommended\nFROM a as b\nCMD x",
      is: ["3 JSONArgsRecommended"],
    },
    { why: "an option that nobody knows", text: "# check=what=1\nFROM a as b", error: "failed to parse check options" },
    { why: "a truth value that is none", text: "# check=error=maybe\nFROM a", error: "failed to parse check option" },
    {
      why: "the caller's options replace the file's",
      text: "# check=skip=all\nFROM a as b",
      input: { options: "error=true" },
      is: ["1 FromAsCasing".replace("1", "2")],
      error: "lint violation found for rules: FromAsCasing",
    },
    { why: "findings are an error only when there are some", text: "# check=error=true\nFROM a AS b" },
    {
      why: "for one instruction only",
      text: "FROM a\n# check=skip=LegacyKeyValueFormat // old\nENV a b\nENV c d",
      is: ["4 LegacyKeyValueFormat"],
    },
    { why: "the first of several above an instruction", text: "FROM a\n# check=skip=all\n# check=skip=X\nENV a b" },
    {
      why: "a wish above an instruction that means nothing is a comment",
      text: "FROM a\n# check=what\nENV a b",
      is: ["3 LegacyKeyValueFormat"],
    },
    {
      why: "an empty comment parts a wish from the instruction",
      text: "FROM a\n# check=skip=all\n#\nENV a b",
      is: ["4 LegacyKeyValueFormat"],
    },
    {
      why: "experimental ones are asked for",
      text: "# check=experimental=InvalidDefinitionDescription\n# why\nARG a\nFROM $a",
      is: ["3 InvalidDefinitionDescription: `# a <description>`", "4 InvalidDefaultArgInFrom"],
      error: "should not be blank",
    },
    {
      why: "skipping all leaves the experimental ones",
      text: "# check=skip=all;experimental=all\n# why\nFROM a AS b\n# x\nARG c d",
      is: ["3 InvalidDefinitionDescription: FROM", "5 InvalidDefinitionDescription: <arg_key>"],
    },
  ],
  "where it stops": [
    {
      why: "before anything is said about a file that cannot be cut",
      text: "FROM a as b\nRUN <<E\n",
      error: "unterminated heredoc",
    },
    {
      why: "at the first mistake",
      text: "FROM a as b\nMAINTAINER x\nRNU y\nMAINTAINER z",
      is: ["1 FromAsCasing", "2 MaintainerDeprecated"],
      error: "line 3: unknown instruction: RNU (did you mean RUN?)",
    },
    {
      why: "what FROM looks like is said before what is wrong with it",
      text: "FROM a as 1B",
      is: ["1 StageNameCasing", "1 FromAsCasing"],
      error: "line 1",
    },
    {
      why: "an instruction before FROM",
      text: "MAINTAINER x\nFROM a",
      is: ["1 MaintainerDeprecated"],
      error: "no build stage in current context",
    },
    { why: "ARG alone", text: "ARG a", error: "contains no stages to build" },
    { why: "nothing", text: "", error: "no instructions" },
    {
      why: "a base that is no image's name",
      text: "FROM a/B\nENV a b",
      is: ["1 InvalidDefaultArgInFrom"],
      error: "failed to parse stage name",
    },
    { why: "a platform that is none", text: "FROM --platform=x/y/z/w a\nENV a b", error: "failed to parse platform" },
    {
      why: "a port that is none",
      text: "FROM a\nEXPOSE 80/TCP 99999\nENV a b",
      is: ["2 ExposeProtoCasing"],
      error: "invalid containerPort: 99999",
    },
    { why: "a protocol that is none", text: "FROM a\nEXPOSE 80/icmp", error: "invalid proto: icmp" },
    {
      why: "a substitution that is none",
      text: "FROM a\nUSER $w${x",
      is: ["2 UndefinedVar: '$w'"],
      error: "missing '}'",
    },
    { why: "a mode that is none", text: "FROM a\nCOPY --chmod=8 a b", error: "invalid chmod parameter: '8'" },
    {
      why: "stages that copy from each other",
      text: "FROM a AS x\nCOPY --from=y / /\nFROM a AS y\nCOPY --from=x / /",
      error: "circular dependency detected on stage: x",
    },
    { why: "a stage that copies from itself", text: "FROM a AS x\nCOPY --from=x / /", error: "circular dependency" },
    {
      why: "a stage that comes later",
      text: "FROM a AS x\nCOPY --from=y / /\nFROM a AS y",
      error: 'cannot copy from stage "y", it needs to be defined before current stage "x"',
    },
    {
      why: "a mount from a stage that comes later",
      text: "FROM a AS x\nRUN --mount=from=y,target=/y true\nFROM a AS y",
      error: 'cannot mount from stage "y"',
    },
    { why: "a stage number that is none", text: "FROM a\nCOPY --from=7 / /", error: "invalid stage index 7" },
    { why: "a time that is none", text: "ARG SOURCE_DATE_EPOCH=now\nFROM a", error: "invalid SOURCE_DATE_EPOCH: now" },
    { why: "COPY of a URL", text: "FROM a\nCOPY https://a/b /", error: "source can't be a URL for COPY" },
    {
      why: "a target that is not there",
      text: "FROM a AS x",
      input: { target: "y" },
      error: 'target stage "y" could not be found',
    },
  ],
  "what is looked at": [
    { why: "every stage", text: "FROM a AS x\nENV a b\nFROM a", is: ["2 LegacyKeyValueFormat"] },
    {
      why: "only what the target needs",
      text: "FROM a AS x\nENV a b\nFROM a AS y\nFROM a AS z\nENV c d\nCOPY --from=y / /",
      input: { target: "z" },
      is: ["5 LegacyKeyValueFormat"],
    },
    {
      why: "what the target copies from, by number",
      text: "FROM a\nENV a b\nFROM a AS y\nCOPY --from=0 / /",
      input: { target: "y" },
      is: ["2 LegacyKeyValueFormat"],
    },
    {
      why: "a trigger, where the next stage begins",
      text: "FROM a AS x\nONBUILD ENV a b\nFROM x\nCMD y",
      is: ["3 LegacyKeyValueFormat", "4 JSONArgsRecommended"],
    },
    {
      why: "triggers of an image",
      text: "FROM a",
      input: { baseImage: () => ({ onBuild: [parseInstruction("ENV a b") as Trigger] }) },
      is: ["1 LegacyKeyValueFormat"],
    },
    { why: "no trigger in its own stage", text: "FROM a\nONBUILD ENV a b" },
  ],
  "names of stages": [
    {
      why: "one name twice, in any case",
      text: "FROM a AS X\nFROM b AS x",
      is: ["1 StageNameCasing", '2 DuplicateStageName: "x"'],
    },
    { why: "reserved in any case", text: "FROM a AS SCRATCH", is: ["1 StageNameCasing", "1 ReservedStageName"] },
    { why: "a base is known by its lower-case name only", text: "FROM a AS base\nWORKDIR /x\nFROM base\nWORKDIR y" },
    {
      why: "mixed case of FROM excuses `as`",
      text: "From a aS b",
      is: ["1 ConsistentInstructionCasing: 'From' should match the case of the command majority (uppercase)"],
    },
    { why: "ARG before FROM has no say in the casing", text: "arg a=b\nFROM $a" },
    { why: "a tie is upper case", text: "from a\nRUN b", is: ["1 ConsistentInstructionCasing: (uppercase)"] },
    { why: "an instruction inside ONBUILD does not count", text: "FROM a\nONBUILD run x" },
  ],
  "FROM with variables": [
    {
      why: "no value",
      text: "ARG V\nFROM a:$V",
      input: { args: { V: "1" } },
      is: ["2 InvalidDefaultArgInFrom: ARG a:$V results"],
    },
    { why: "an empty value that does no harm", text: "ARG V\nFROM a$V" },
    {
      why: "not declared, but nearly",
      text: "ARG VERSION=1\nFROM a:$VERSIO",
      is: ["2 InvalidDefaultArgInFrom", "2 UndefinedArgInFrom: 'VERSIO' is not declared (did you mean VERSION?)"],
      error: "failed to parse stage name",
    },
    {
      why: "two edits are near, three are not",
      text: "ARG ABCDE=1\nFROM a$ABC$AB",
      is: ["2 UndefinedArgInFrom: (did you mean ABCDE?)", "2 UndefinedArgInFrom: 'AB' is not declared"],
    },
    { why: "the platform's are there", text: "FROM --platform=$BUILDPLATFORM a-$TARGETARCH$TARGETSTAGE" },
    { why: "a default does not make it declared", text: "FROM ${X:-a}", is: ["1 UndefinedArgInFrom: 'X'"] },
    {
      why: "TARGETPLATFORM is what it is anyway",
      text: "FROM --platform=${TARGETPLATFORM} a",
      is: ["1 RedundantTargetPlatform: ${TARGETPLATFORM}"],
    },
    { why: "with something beside it it is not", text: "FROM --platform=$TARGETOS/$TARGETARCH a" },
    { why: "a constant", text: "FROM --platform=arm64 a", is: ['1 FromPlatformFlagConstDisallowed: "arm64"'] },
    { why: "a constant that the stage's name admits", text: "FROM --platform=linux/aarch64 a AS for_arm64" },
    {
      why: "an image of another platform",
      text: "FROM a",
      input: { platform: "linux/amd64", baseImage: () => ({ platform: "linux/arm64" }) },
      is: ['1 InvalidBaseImagePlatform: Base image a was pulled with platform "linux/arm64", expected "linux/amd64"'],
    },
    {
      why: "an image of the platform that FROM asks for",
      text: "ARG P=linux/arm64\nFROM --platform=$P a",
      input: { baseImage: () => ({ platform: "linux/arm64/v8" }) },
    },
  ],
  variables: [
    { why: "declared below its use", text: "FROM a\nCOPY $x .\nARG x", is: ["2 UndefinedVar: '$x'"] },
    { why: "declared without a value", text: "FROM a\nARG x\nCOPY $x ." },
    { why: "declared by the stage below", text: "FROM a AS b\nARG x=1\nFROM b\nUSER $x" },
    { why: "global ones have to be declared again", text: "ARG x=1\nFROM a\nUSER $x", is: ["3 UndefinedVar"] },
    { why: "PATH is there", text: "FROM scratch\nENV PATH=/x:$PATH" },
    { why: "nearly PATH", text: "FROM a\nENV PATH=$PAHT:/x", is: ["2 UndefinedVar: '$PAHT' (did you mean $PATH?)"] },
    {
      why: "the image's are there",
      text: "FROM a\nUSER $x",
      input: { baseImage: (name) => (name === "a" ? { env: { x: "1" } } : undefined) },
    },
    { why: "a default does not help", text: "FROM a\nENV b=${x:-1}", is: ["2 UndefinedVar: '$x'"] },
    { why: "every operand says it again", text: "FROM a\nLABEL a=$x b=$x", is: ["2 UndefinedVar", "2 UndefinedVar"] },
    { why: "the shell's are the shell's", text: 'FROM a\nRUN $x\nCMD ["$y"]\nHEALTHCHECK CMD $z' },
    {
      why: "a mount's are the file's",
      text: "FROM a\nRUN --mount=type=cache,target=/a$x true",
      is: ["2 UndefinedVar"],
    },
    {
      why: "a heredoc's, but for the quoted one",
      text: "FROM a\nCOPY <<E <<'F' /\n'$x'\nE\n$y\nF\n",
      is: ["2 UndefinedVar: '$x'"],
    },
    { why: "ports' are not reported", text: "FROM a\nEXPOSE $x" },
    { why: "one ENV does not see itself", text: "FROM a\nENV a=1 b=$a", is: ["2 UndefinedVar: '$a'"] },
    { why: "one ARG sees what is before it", text: "FROM a\nARG b=1 c=$b" },
    { why: "a default that the caller replaces", text: "FROM a\nARG b=$x", input: { args: { b: "1" } } },
    { why: "names that Object.prototype has", text: "FROM a\nUSER $constructor", is: ["2 UndefinedVar"] },
  ],
  secrets: [
    {
      why: "a word of the name",
      text: "FROM a\nARG NPM_TOKEN\nENV db_password=x KEYS=y",
      is: ['2 SecretsUsedInArgOrEnv: (ARG "NPM_TOKEN")', '3 SecretsUsedInArgOrEnv: (ENV "db_password")'],
    },
    { why: "words that take the sting out", text: "FROM a\nENV PUBLIC_KEY=a TOKEN_FILE=b AUTH_VERSION=c MONKEY=d" },
    { why: "before FROM it is in no image", text: "ARG TOKEN\nFROM a" },
    {
      why: "the old form is both",
      text: "FROM a\nENV secret x",
      is: ["2 LegacyKeyValueFormat", "2 SecretsUsedInArgOrEnv"],
    },
  ],
  commands: [
    { why: "with a shell that was chosen", text: 'FROM a\nSHELL ["x"]\nCMD y\nENTRYPOINT z' },
    { why: "with the shell of the stage below", text: 'FROM a AS b\nSHELL ["x"]\nFROM b\nCMD y' },
    { why: "with the image's shell", text: "FROM a\nCMD y", input: { baseImage: () => ({ hasShell: true }) } },
    { why: "as it is written", text: "from a\ncmd y", is: ["2 JSONArgsRecommended: recommended for cmd to"] },
    { why: "nothing at all is the shell form too", text: "FROM a\nCMD", is: ["2 JSONArgsRecommended"] },
    {
      why: "three times: each but the last",
      text: 'FROM a\nCMD ["1"]\nCMD ["2"]\nCMD ["3"]',
      is: ["2 MultipleInstructionsDisallowed", "3 MultipleInstructionsDisallowed"],
    },
    { why: "once in each stage", text: 'FROM a AS b\nCMD ["1"]\nFROM b\nCMD ["2"]' },
    {
      why: "a blank line: the line where the instruction ends",
      text: "FROM a\nRUN x \\\n\n  y \\\n\n  z\nUSER b",
      is: ["6 NoEmptyContinuation"],
    },
    { why: "a blank line above a heredoc", text: "FROM a\nRUN x \\\n\n <<E\n\nE\n", is: ["4 NoEmptyContinuation"] },
  ],
  directories: [
    { why: "relative", text: "FROM a\nWORKDIR b", is: ['2 WorkdirRelativePath: "b"'] },
    { why: "relative, said once", text: "FROM a\nWORKDIR b\nWORKDIR c", is: ["2 WorkdirRelativePath"] },
    { why: "a variable that is absolute", text: "FROM a\nENV b=/c\nWORKDIR $b" },
    { why: "Windows has other roots", text: "FROM a\nWORKDIR C:/x", input: { platform: "windows/amd64" } },
  ],
  ports: [
    {
      why: "in the order BuildKit has them",
      text: "FROM a\nEXPOSE 90:90 8:80/UDP",
      is: ["2 ExposeProtoCasing: '8:80/UDP'", "2 ExposeInvalidFormat: '8:80/UDP'", "2 ExposeInvalidFormat: '90:90'"],
    },
    { why: "an IPv6 address", text: "FROM a\nEXPOSE [::1]:80:80", is: ["2 ExposeInvalidFormat: '[::1]:80:80'"] },
    { why: "ranges, and what a variable holds", text: "FROM a\nENV p='1-2 3/tcp'\nEXPOSE $p 4-5/udp" },
  ],
};

for (const [subject, list] of Object.entries(rows)) describe(subject, () => test.each(list)("$why", run));

describe("what an ignore file leaves out", () => {
  for (const { ignore, copy, is, why } of [
    { ignore: "a", copy: "a", is: "a", why: "the file itself" },
    { ignore: "a", copy: "./a/../a", is: "a", why: "another way to say it" },
    { ignore: "d", copy: "d/a", is: "d/a", why: "a directory above it" },
    { ignore: "a", copy: "b", why: "another file" },
    { ignore: ".*", copy: ".", why: "the context is not a file whose name begins with a dot" },
    { ignore: "*", copy: ".", is: ".", why: "nothing of the context is left" },
    { ignore: "**\n!a", copy: ".", why: "something of the context is left" },
    { ignore: "d\n!d/b", copy: "d/a", is: "d/a", why: "the exception is for another file" },
    { ignore: "d\n!d/a", copy: "d", why: "the exception is for something in it" },
    { ignore: "d\n!d/a", copy: "d/a", why: "the exception is for it" },
    { ignore: "d\n!d/a", copy: "d/*.txt", why: "the exception may be for what the wildcard means" },
    { ignore: "*.md", copy: "*.md", is: "*.md", why: "the same wildcard" },
    { ignore: "a", copy: "--from=b a", why: "a stage has no ignore file" },
  ])
    test(why, () => {
      const text = `FROM x AS b\nFROM x\nCOPY ${copy} /\n`;
      const { warnings } = check(parse(text), { ignore: parseIgnore(ignore) });
      const found = warnings.map(({ detail }) => detail);
      expect(found).toEqual(
        is === undefined ? [] : [`Attempting to Copy file "${is}" that is excluded by .dockerignore`],
      );
    });

  test("ADD says Add, and says nothing of what it downloads", () => {
    const { warnings } = check(parse("FROM x\nADD a https://b/a git@b:c.git /d/\n"), { ignore: ["a", "**/a"] });
    expect(warnings.map(({ detail }) => detail)).toEqual([
      'Attempting to Add file "a" that is excluded by .dockerignore',
    ]);
  });

  test("whether everything is left out", () => {
    expect(createIgnoreMatcher(["**"]).ignoresEverything).toBe(true);
    expect(createIgnoreMatcher(["**", "!a"]).ignoresEverything).toBe(false);
    expect(createIgnoreMatcher(["a*"]).ignoresEverything).toBe(false);
  });
});

test("all checks have a page but the one that BuildKit has none for", () => {
  expect(checkRules.filter(({ url }) => url === undefined).map(({ name }) => name)).toEqual([
    "InvalidBaseImagePlatform",
  ]);
  expect(checkRules.find(({ name }) => name === "JSONArgsRecommended")?.url).toBe(
    "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
  );
});

test("what is repeated twenty thousand times is looked at in linear time", () => {
  for (const line of [
    "FROM a AS b\n",
    "COPY $x y\n",
    "ENV a=$a\n",
    "ARG a=1\n",
    "COPY --from=b a b\n",
    "# check=skip=all\n",
  ])
    check(parse(`FROM a AS b\nFROM c\n${line.repeat(2e4)}`));
});
