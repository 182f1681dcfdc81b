import { Complaint } from "../complaint.ts";
import { readFlags } from "../flags.ts";
import { type Mount, MountFailure, readMount } from "../mount-flag.ts";
import { LexerFailure, lex } from "../shell-lexer.ts";
import { type Draft, refuse } from "../statement.ts";
import type { EscapeCharacter, Heredoc, Statement, Word } from "../tree.ts";
import { type CommandLine, readCommandLine } from "./command.ts";
import { type Device, readDevice } from "./device.ts";

/** A `--mount` as written. `mount` is what it means, unless that depends on variables. */
export interface MountWord extends Word {
  readonly mount: Mount | undefined;
}

export interface RunFields<M> {
  readonly name: "RUN";
  readonly command: CommandLine;
  readonly mounts: readonly M[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly devices: readonly Device[];
  /** Files that the command reads; when the command is nothing but `<<EOF`, the first is the script. */
  readonly files: readonly Heredoc[];
}

/** `RUN command`: run it, keep what it changed. */
export interface RunInstruction extends Statement, RunFields<MountWord> {}

export function readRun(draft: Draft): RunInstruction {
  const { statement } = draft;
  const flags = readFlags(statement, { mount: "list", network: "text", security: "text", device: "list" });
  const command = readCommandLine(statement.form, statement.operands);
  if (command.form === "exec" && command.args.length === 0) {
    refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "RUN requires a command");
  }
  return {
    ...statement,
    name: "RUN",
    command,
    mounts: flags.list("mount").map((word) => readMountWord(word, statement.escape)),
    network: oneOf(flags.text("network"), ["default", "none", "host"], "--network"),
    security: oneOf(flags.text("security"), ["sandbox", "insecure"], "--security"),
    devices: flags.list("device").map(readDevice),
    files: statement.heredocs,
  };
}

// Variables are put in when the step runs; until then only what has none can be judged.
function readMountWord(word: Word, escaper: EscapeCharacter): MountWord {
  const open = word.text.includes("$");
  try {
    const mount = readMount(word.text, (value) => lex(value, () => undefined, { escape: escaper }).value);
    return { ...word, mount: open ? undefined : mount };
  } catch (failure) {
    if (failure instanceof LexerFailure) return { ...word, mount: undefined }; // expansion says it with its place
    if (!(failure instanceof MountFailure)) throw failure;
    if (open && !failure.final) return { ...word, mount: undefined };
    const { message, suggest } = failure;
    throw new Complaint({ code: "ERR_DOCKERFILE_MOUNT", message, range: word.range, suggest });
  }
}

function oneOf<T extends string>(word: Word | undefined, values: readonly [T, ...T[]], flag: string): T {
  if (word === undefined) return values[0];
  const found = values.find((value) => value === word.text.toLowerCase());
  if (found !== undefined) return found;
  const message = `${flag} is one of ${values.join(", ")}, not ${JSON.stringify(word.text)}`;
  throw new Complaint({ code: "ERR_DOCKERFILE_FLAG_VALUE", message, range: word.range });
}
