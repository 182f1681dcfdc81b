import { Complaint } from "../complaint.ts";
import { readFlags } from "../flags.ts";
import { parseDuration } from "../quantities.ts";
import { type Draft, refuse } from "../statement.ts";
import { suggest } from "../suggest.ts";
import type { Statement, Word } from "../tree.ts";
import { type CommandLine, readCommandLine } from "./command.ts";

/** Times are in nanoseconds, as the image configuration has them; `undefined` leaves the default. */
export interface HealthcheckFields {
  readonly name: "HEALTHCHECK";
  /** `none` takes an inherited check away. */
  readonly command: CommandLine | "none";
  readonly interval: number | undefined;
  readonly timeout: number | undefined;
  readonly startPeriod: number | undefined;
  readonly startInterval: number | undefined;
  readonly retries: number | undefined;
}

/** `HEALTHCHECK CMD command` or `HEALTHCHECK NONE`. */
export interface HealthcheckInstruction extends Statement, HealthcheckFields {}

const types = {
  interval: "text",
  timeout: "text",
  "start-period": "text",
  "start-interval": "text",
  retries: "text",
} as const;

export function readHealthcheck(draft: Draft): HealthcheckInstruction {
  const { statement } = draft;
  const [type, ...words] = statement.operands;
  if (type === undefined)
    refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "HEALTHCHECK requires at least one argument: CMD or NONE");
  const flags = readFlags(statement, types);
  return {
    ...statement,
    name: "HEALTHCHECK",
    command: readCheck(draft, type, words),
    interval: duration(flags.text("interval"), "interval"),
    timeout: duration(flags.text("timeout"), "timeout"),
    startPeriod: duration(flags.text("start-period"), "start-period"),
    startInterval: duration(flags.text("start-interval"), "start-interval"),
    retries: count(flags.text("retries")),
  };
}

function readCheck(draft: Draft, type: Word, words: readonly Word[]): CommandLine | "none" {
  switch (type.text.toUpperCase()) {
    case "NONE":
      if (words.length > 0)
        refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "HEALTHCHECK NONE takes no arguments", words[0]!.range);
      return "none";
    case "CMD":
      if (words.length === 0)
        refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "HEALTHCHECK CMD requires a command", type.range);
      return readCommandLine(draft.statement.form, words);
    default: {
      const message = `HEALTHCHECK is followed by CMD or NONE, not ${JSON.stringify(type.text)}`;
      throw new Complaint({
        code: "ERR_DOCKERFILE_ARGUMENTS",
        message,
        range: type.range,
        suggest: () => suggest(type.text, ["CMD", "NONE"]),
      });
    }
  }
}

// The engine's resolution is a millisecond; less is surely a forgotten unit.
function duration(word: Word | undefined, flag: string): number | undefined {
  if (word === undefined || word.text === "") return undefined;
  const value = parseDuration(word.text);
  if (value === undefined) throw wrong(word, `--${flag}=${word.text} is no duration such as 30s or 1m30s`);
  if (value !== 0 && value < 1e6) throw wrong(word, `--${flag}=${word.text} is shorter than 1ms`);
  return value === 0 ? undefined : value;
}

function count(word: Word | undefined): number | undefined {
  if (word === undefined || word.text === "") return undefined;
  const value = /^\+?\d{1,10}$/.test(word.text) ? Number(word.text) : -1;
  if (value < 0 || value > 0x7fff_ffff) throw wrong(word, `--retries=${word.text} is no number from 0 up`);
  return value === 0 ? undefined : value;
}

const wrong = (word: Word, message: string): Complaint =>
  new Complaint({ code: "ERR_DOCKERFILE_FLAG_VALUE", message, range: word.range });
