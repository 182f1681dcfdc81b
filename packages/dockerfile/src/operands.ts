import type { DockerfileErrorCode } from "./dockerfile-error.ts";
import { jsonForm } from "./json-form.ts";
import { skipSpace } from "./space.ts";
import type { Span } from "./span.ts";
import type { EscapeCharacter } from "./tree.ts";
import { blankSeparated, quotedWords } from "./words.ts";

/** How the text behind keyword and flags is cut into operands. */
export type OperandGrammar =
  | "text" // one operand, whatever it holds
  | "words"
  | "jsonOrText"
  | "jsonOrWords"
  | "pairs" // name=value …, or the old: name and the rest of the line
  | "names" // name or name=value …
  | "health" // a word, then jsonOrText
  | "instruction";

export const operandGrammars: Readonly<Record<string, OperandGrammar>> = {
  ADD: "jsonOrWords",
  ARG: "names",
  CMD: "jsonOrText",
  COPY: "jsonOrWords",
  ENTRYPOINT: "jsonOrText",
  ENV: "pairs",
  EXPOSE: "words",
  FROM: "words",
  HEALTHCHECK: "health",
  LABEL: "pairs",
  MAINTAINER: "text",
  ONBUILD: "instruction",
  RUN: "jsonOrText",
  SHELL: "jsonOrText",
  STOPSIGNAL: "text",
  USER: "text",
  VOLUME: "jsonOrWords",
  WORKDIR: "text",
};

/** Operands, or the mistake that leaves none. */
export interface Operands {
  readonly spans: readonly Span[];
  readonly form: "shell" | "exec";
  readonly mistake?: { readonly code: DockerfileErrorCode; readonly message: string; readonly span: Span };
}

/** Cut `start…end` of a logical line into operands; both ends are already trimmed. */
export function splitOperands(
  grammar: OperandGrammar,
  line: string,
  start: number,
  end: number,
  escaper: EscapeCharacter,
): Operands {
  const whole: Span[] = start < end ? [{ text: line.slice(start, end), start, end }] : [];
  switch (grammar) {
    case "words":
      return shell(blankSeparated(line, start, end));
    case "names":
      return shell(quotedWords(line, start, end, escaper));
    case "pairs":
      return pairs(line, start, end, escaper, whole);
    case "health":
      return health(line, start, end);
    case "jsonOrText":
    case "jsonOrWords": {
      const json = jsonForm(line, start, end);
      if (json.is === "strings") return { spans: json.strings, form: "exec" };
      if (json.is === "other") return { ...shell(whole), mistake: notStrings(whole[0]!) };
      return shell(grammar === "jsonOrText" ? whole : blankSeparated(line, start, end));
    }
    default:
      return shell(whole);
  }
}

const shell = (spans: readonly Span[]): Operands => ({ spans, form: "shell" });

const notStrings = (span: Span): NonNullable<Operands["mistake"]> => ({
  code: "ERR_DOCKERFILE_JSON",
  message: "a JSON array of operands holds strings only",
  span,
});

function health(line: string, start: number, end: number): Operands {
  const [type] = blankSeparated(line, start, end);
  if (type === undefined) return shell([]);
  const rest = splitOperands("jsonOrText", line, skipSpace(line, type.end, end), end, "\\");
  return { ...rest, spans: [type, ...rest.spans] };
}

// Whether the first word has a "=" decides for the whole line.
function pairs(line: string, start: number, end: number, escaper: EscapeCharacter, whole: readonly Span[]): Operands {
  const words = quotedWords(line, start, end, escaper);
  const [first] = words;
  if (first === undefined) return shell([]);
  if (!first.text.includes("=")) {
    const [name] = blankSeparated(line, start, end);
    const from = skipSpace(line, name!.end, end);
    if (from >= end) {
      return {
        ...shell(whole),
        mistake: {
          code: "ERR_DOCKERFILE_ARGUMENTS",
          message: `${name!.text} has no value: write ${name!.text}=…`,
          span: name!,
        },
      };
    }
    return shell([name!, { text: line.slice(from, end), start: from, end }]);
  }
  const bare = words.find((word) => !word.text.includes("="));
  if (bare === undefined) return shell(words);
  const message = `no = in ${JSON.stringify(bare.text)}: pairs are written name=value`;
  return { ...shell(whole), mistake: { code: "ERR_DOCKERFILE_ARGUMENTS", message, span: bare } };
}
