import { readFlags } from "../flags.ts";
import { type Draft, refuse } from "../statement.ts";
import type { Statement, Word } from "../tree.ts";

/** A command: text for the shell that SHELL names, or the arguments of a program. Never expanded here. */
export type CommandLine =
  | { readonly form: "shell"; readonly text: string }
  | { readonly form: "exec"; readonly args: readonly string[] };

/** A command that is not there at all is an empty list of arguments: it resets an inherited one. */
export function readCommandLine(form: Statement["form"], words: readonly Word[]): CommandLine {
  const [text] = words;
  if (form === "shell" && text !== undefined) return { form, text: text.text };
  return { form: "exec", args: words.map((word) => word.text) };
}

export interface CmdFields {
  readonly name: "CMD";
  readonly command: CommandLine;
}

/** `CMD`: what a container runs when it is not told, or the arguments of ENTRYPOINT. */
export interface CmdInstruction extends Statement, CmdFields {}

export interface EntrypointFields {
  readonly name: "ENTRYPOINT";
  readonly command: CommandLine;
}

/** `ENTRYPOINT`: what a container runs whatever it is told. */
export interface EntrypointInstruction extends Statement, EntrypointFields {}

export interface ShellFields {
  readonly name: "SHELL";
  /** Program and arguments; the shell form's text becomes the last argument. */
  readonly shell: readonly string[];
}

/** `SHELL ["program", "argument"]`: what runs the shell form from here on. */
export interface ShellInstruction extends Statement, ShellFields {}

export function readCmd(draft: Draft): CmdInstruction {
  readFlags(draft.statement, {});
  return { ...draft.statement, name: "CMD", command: readCommandLine(draft.statement.form, draft.statement.operands) };
}

export function readEntrypoint(draft: Draft): EntrypointInstruction {
  readFlags(draft.statement, {});
  return {
    ...draft.statement,
    name: "ENTRYPOINT",
    command: readCommandLine(draft.statement.form, draft.statement.operands),
  };
}

export function readShell(draft: Draft): ShellInstruction {
  const { statement } = draft;
  readFlags(statement, {});
  const shell = statement.operands.map((word) => word.text);
  if (shell.length === 0) refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "SHELL requires at least one argument");
  if (statement.form !== "exec") {
    refuse(draft, "ERR_DOCKERFILE_JSON", 'SHELL requires its arguments as JSON: ["program", "argument"]', draft.rest);
  }
  return { ...statement, name: "SHELL", shell };
}
