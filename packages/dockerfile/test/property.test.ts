// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import fc from "fast-check";
import { expect, test } from "vitest";
import { check, renderCheck, renderCheckError } from "../src/check/index.ts";
import { applyFixes, fix, fixText } from "../src/fix/index.ts";
import {
  createIgnoreMatcher,
  type Dockerfile,
  expandInstruction,
  expandWords,
  isDockerfileError,
  parse,
  parseIgnore,
  print,
  renderError,
  scopes,
  stages,
} from "../src/index.ts";

const real = `# syntax=docker/dockerfile:1
# escape=\\
ARG VERSION=20
FROM --platform=$BUILDPLATFORM node:\${VERSION:-18}-alpine AS build
WORKDIR /app
COPY --chown=node:node package*.json ./
RUN --mount=type=cache,target=/root/.npm \\
    # installs
    npm ci && \\

    npm run build
ENV A="b c" D=e\\ f
LABEL org.example='x' y=z
COPY <<-"EOF" <<SECOND /etc/
	hello $A
	EOF
world
SECOND
ONBUILD RUN <<X
echo \${A%%.*}
X
FROM scratch
COPY --from=build ["/app/dist", "/srv dir/"]
EXPOSE 80/tcp 443
HEALTHCHECK --interval=5s CMD ["true"]
VOLUME /data
USER 1000:1000
STOPSIGNAL SIGTERM
SHELL ["/bin/sh", "-c"]
ENTRYPOINT ["node"]
CMD server.js
`;

// Pieces that mean something, so that random texts get past the first word.
const piece = fc.constantFrom(
  ..."FROM a,RUN,COPY,ADD,ENV,ARG x=1,LABEL,ONBUILD,HEALTHCHECK,CMD,SHELL,USER,VOLUME,EXPOSE,MAINTAINER".split(","),
  "\n",
  "\n",
  " ",
  "\t",
  "\r\n",
  "\\\n",
  "\\",
  "`",
  "#",
  "# escape=`\n",
  "<<EOF",
  "<<-'E'",
  "EOF\n",
  "E",
  "--from=",
  "--mount=type=",
  "--",
  "=",
  '"',
  "'",
  "[",
  "]",
  '["a"]',
  "$",
  "${",
  "}",
  "${a:-",
  ":?",
  "/",
  "//",
  "%%",
  "##",
  "*",
  "?",
  ",",
  "\ufeff",
  "\u0085",
  "\u2028",
  "\ud800",
  "é",
  "\0",
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
  fc
    .tuple(fc.nat(real.length), fc.nat(40), fc.array(piece, { maxLength: 5 }))
    .map(([at, cut, put]) => real.slice(0, at) + put.join("") + real.slice(at + cut)),
);

test("the tokens of any text are the text, gapless and in place", () => {
  fc.assert(
    fc.property(text, (source) => {
      const file = parse(source);
      expect(print(file)).toBe(source);
      checkPlaces(file, source);
    }),
    { numRuns: 3000 },
  );
});

function checkPlaces(file: Dockerfile, source: string): void {
  let offset = 0;
  for (const node of file.nodes) {
    expect(node.range.start.offset).toBe(offset);
    for (const { range, text: piece } of node.tokens) {
      expect(range.start.offset).toBe(offset);
      expect(piece).not.toBe("");
      expect(source.slice(range.start.offset, range.end.offset)).toBe(piece);
      expect(range.start.line).toBe(source.slice(0, offset).split("\n").length);
      expect(range.start.column).toBe(offset - source.slice(0, offset).lastIndexOf("\n"));
      offset = range.end.offset;
    }
    expect(node.range.end.offset).toBe(offset);
  }
  expect(offset).toBe(source.length);
}

test("nothing but DockerfileError is thrown, whatever is done with any text", () => {
  fc.assert(
    fc.property(text, (source) => {
      const file = parse(source);
      for (const error of file.errors) {
        const shown = renderError(error, source);
        expect(shown).toContain(`Dockerfile:${error.line}:${error.column}: `);
        expect(shown).not.toMatch(/[\0-\x08\x0b-\x1f\x7f]/);
      }
      stages(file);
      for (const instruction of file.instructions)
        onlyOurs(() => expandInstruction(instruction, { a: "/x*?", x: " " }));
      onlyOurs(() => expandWords(source, { a: "b" }));
      onlyOurs(() => createIgnoreMatcher(parseIgnore(source)).ignores("a/b/c"));
    }),
    { numRuns: 3000 },
  );
});

test("checks and scopes of any text end, and name places in it", () => {
  fc.assert(
    fc.property(text, (source) => {
      const file = parse(source);
      const report = check(file, { ignore: ["a", "!b"], args: { x: "1" } });
      for (const { range } of report.warnings) {
        expect(range.start.offset).toBeLessThanOrEqual(range.end.offset);
        expect(range.end.offset).toBeLessThanOrEqual(source.length);
      }
      renderCheck(report, file);
      renderCheckError(report, file);
      const at = scopes(file);
      for (const instruction of file.instructions) at.variable(instruction, "x");
    }),
    { numRuns: 2000 },
  );
});

// Sound files made of lines that fixes look for.
const line = fc.constantFrom(
  "FROM a as b",
  "from a",
  "WORKDIR /w",
  "USER x",
  "COPY . .",
  "COPY . /app",
  "copy --from=b / /",
  "ARG SHA",
  "ARG TOKEN=1",
  "ENV a b 'c d'",
  "ENV A=1 KEY=2",
  "RUN make",
  "RUN npm ci && npm run build \\\n && echo $SHA",
  "RUN npm ci",
  "RUN apt-get update \\\n\n # why\n && apt-get install x",
  "RUN apk add --no-cache x && rm -rf /var/cache/apk/*",
  "RUN echo $TOKEN ${KEY}",
  "RUN chown -R a:b /app",
  "RUN <<E\necho $SHA\nE",
  "CMD a 'b c'",
  "# note",
  "",
);
test("fixed files are sound, and nothing is left to fix", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 15 }), (lines) => {
      const source = `FROM scratch\n${lines.join("\n")}\n`;
      const file = parse(source);
      expect(file.errors).toEqual([]);
      expect(parse(applyFixes(file, fix(file)).text).errors).toEqual([]);
      const fixed = fixText(source);
      expect(fix(parse(fixed))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

function onlyOurs(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!isDockerfileError(error)) throw error;
  }
}

test("the real file is right", () => {
  expect(parse(real).errors).toEqual([]);
});

const megabyte = 1 << 20;
const fill = (unit: string): string => unit.repeat(Math.ceil(megabyte / unit.length));
for (const [name, source] of [
  ["words", `FROM a\nCOPY ${fill("a ")}`],
  ["flags", `FROM a\nRUN ${fill("--a ")}`],
  ["mounts", `FROM a\nRUN ${fill("--mount=target=/ ")} x`],
  ["one mount", `FROM a\nRUN --mount=${fill("a=b,")} x`],
  ["keyword", fill("A")],
  ["instructions", fill("A\n")],
  ["continuations", `FROM a\nRUN ${fill("\\\n")}`],
  ["words over continuations", `FROM a\nENV ${fill("a=\\\n")}`],
  ["escapes", `FROM a\nRUN ${fill("\\")}\nx`],
  ["spaces at the end", `FROM a\nRUN x${fill(" ")}\\`],
  ["comments", fill("#\n")],
  ["directives", fill("# syntax=a\n")],
  ["directive of spaces", `# syntax=${fill(" ")}`],
  ["heredocs", `FROM a\nRUN ${fill("<<E ")}\nE\n`],
  ["different heredocs", `FROM a\nCOPY ${Array.from({ length: 100_000 }, (_, index) => `<<E${index}`).join(" ")} /x\n`],
  ["less-than signs", `FROM a\nRUN ${fill("<")}`],
  ["brackets", `FROM a\nCMD ${fill("[")}`],
  ["objects", `FROM a\nCMD ${fill('[{"a":')}`],
  ["JSON strings", `FROM a\nCMD [${fill('"a",')}"a"`],
  ["quotes", `FROM a\nENV a=${fill('"')}`],
  ["ONBUILD", `FROM a\n${fill("ONBUILD ")}`],
  ["substitutions", `FROM a\nUSER ${fill("${a")}`],
  ["dollars", `FROM a\nUSER ${fill("$a")}`],
  ["patterns", `FROM a\nUSER \${a#${fill("*?")}}`],
  ["duration", `FROM a\nHEALTHCHECK --interval=${fill("1")} CMD x`],
  ["stage name", `FROM a AS ${fill("a-")}!`],
] as const) {
  test(`a hostile megabyte of ${name}`, () => {
    const file = parse(source);
    expect(print(file) === source).toBe(true);
    for (const instruction of file.instructions) onlyOurs(() => expandInstruction(instruction, { a: "x" }));
    for (const error of file.errors.slice(0, 2)) renderError(error, source);
    check(file);
    fix(file);
  });
}
