// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Dockerfile text
import fc from "fast-check";
import { expect, test } from "vitest";
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
  });
}
