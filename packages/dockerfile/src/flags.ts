import { Complaint } from "./complaint.ts";
import { isSpace, skipSpace } from "./space.ts";
import type { Span } from "./span.ts";
import { suggest } from "./suggest.ts";
import type { Flag, Statement, Word } from "./tree.ts";

/**
 * Split off the words in front of the operands that begin with two dashes. Quotes go, a backslash keeps
 * the character behind it whatever `# escape=` says, `--` alone ends the flags.
 *
 * @returns The flags and where the operands begin.
 */
export function splitFlags(line: string, start: number, end: number): { flags: Span[]; operands: number } {
  const flags: Span[] = [];
  let at = start;
  for (;;) {
    at = skipSpace(line, at, end);
    if (at >= end || !line.startsWith("--", at) || at + 2 > end) return { flags, operands: at };
    const flag = readFlag(line, at, end);
    at = flag.end;
    if (flag.text === "--") return { flags, operands: skipSpace(line, at, end) };
    flags.push(flag);
  }
}

function readFlag(line: string, start: number, end: number): Span {
  const parts: string[] = [];
  let quote = "";
  let at = start;
  for (; at < end && (quote !== "" || !isSpace(line.charCodeAt(at))); at++) {
    const character = line[at]!;
    if (character === "\\") {
      if (++at < end) parts.push(line[at]!);
    } else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    else parts.push(character);
  }
  return { text: parts.join(""), start, end: Math.min(at, end) };
}

/** What kind of value each flag of an instruction takes. */
export type FlagTypes = Readonly<Record<string, "switch" | "text" | "list">>;

/** The flags of one statement, checked against what its instruction knows. */
export interface FlagValues {
  /** The last word of a flag given at most once. */
  text(name: string): Word | undefined;
  list(name: string): Word[];
  /** `undefined` when the flag is not there at all. */
  switch(name: string): boolean | undefined;
}

/**
 * @throws {Complaint} for a flag that is unknown, twice there, or has a value of the wrong kind.
 */
export function readFlags(statement: Statement, types: FlagTypes): FlagValues {
  const values = new Map<string, Word[]>();
  for (const flag of statement.flags) {
    const type = Object.hasOwn(types, flag.name) ? types[flag.name] : undefined;
    if (type === undefined) throw unknownFlag(flag, Object.keys(types));
    const given = values.get(flag.name) ?? [];
    values.set(flag.name, given);
    if (given.length > 0 && type !== "list") {
      throw complain("ERR_DOCKERFILE_DUPLICATE_FLAG", `the flag --${flag.name} is there twice`, flag);
    }
    given.push({ text: checkedValue(flag, type), range: flag.range });
  }
  return {
    text: (name) => values.get(name)?.[0],
    list: (name) => values.get(name) ?? [],
    switch: (name) => {
      const given = values.get(name)?.[0];
      return given === undefined ? undefined : given.text === "true";
    },
  };
}

function checkedValue(flag: Flag, type: FlagTypes[string]): string {
  const { name, value } = flag;
  if (type === "switch") {
    const lower = value?.toLowerCase() ?? "true";
    if (lower === "true" || lower === "false") return lower;
    throw complain(
      "ERR_DOCKERFILE_FLAG_VALUE",
      `the flag --${name} is true or false, not ${JSON.stringify(value)}`,
      flag,
    );
  }
  if (value === undefined)
    throw complain("ERR_DOCKERFILE_FLAG_VALUE", `the flag --${name} needs a value: --${name}=…`, flag);
  return value;
}

function unknownFlag(flag: Flag, known: readonly string[]): Complaint {
  return new Complaint({
    code: "ERR_DOCKERFILE_UNKNOWN_FLAG",
    message: `unknown flag: --${flag.name}${known.length === 0 ? " (this instruction has none)" : ""}`,
    range: flag.range,
    suggest: () => {
      const closest = suggest(flag.name, known);
      return closest === undefined ? undefined : `--${closest}`;
    },
  });
}

const complain = (
  code: "ERR_DOCKERFILE_DUPLICATE_FLAG" | "ERR_DOCKERFILE_FLAG_VALUE",
  message: string,
  flag: Flag,
): Complaint => new Complaint({ code, message, range: flag.range });
