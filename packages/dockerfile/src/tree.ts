import type { DockerfileError } from "./dockerfile-error.ts";
import type { Instruction } from "./instructions/instruction.ts";
import type { Range } from "./position.ts";

export type EscapeCharacter = "\\" | "`";

export type TokenKind =
  | "byteOrderMark"
  | "directive"
  | "comment"
  | "space"
  | "newline"
  | "keyword"
  | "flag"
  | "operand"
  | "punctuation"
  /** The escape character at a line's end, the blanks behind it and the line feed. */
  | "continuation"
  /** The lines of a heredoc, without the one that ends it. */
  | "heredoc"
  | "heredocEnd";

/** A piece of the file. The tokens of all nodes, in order, are the whole file. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly range: Range;
}

/** An operand as written: quotes, escapes and variables untouched, continuation lines joined. */
export interface Word {
  readonly text: string;
  readonly range: Range;
}

/** A flag in front of the operands, `--name=value` or `--name`; quotes are gone. */
export interface Flag {
  readonly name: string;
  readonly value: string | undefined;
  readonly range: Range;
}

export interface Heredoc {
  /** The word that ends it, without quotes. */
  readonly name: string;
  /** False when any part of the word was quoted: the content is then taken as it is. */
  readonly expand: boolean;
  /** Written with `<<-`: tabs at the beginning of every line do not count. */
  readonly stripTabs: boolean;
  /** The number before `<<`; 0 without one. */
  readonly fileDescriptor: number;
  /** The lines as written, with their tabs. */
  readonly content: string;
  readonly range: Range;
}

/** An instruction as grammar: a keyword, flags, operands. All instructions have these. */
export interface Statement {
  /** As written: `run`, `Run`. */
  readonly keyword: Word;
  readonly flags: readonly Flag[];
  /** The operands before their instruction makes sense of them; what JSON strings hold is decoded. */
  readonly operands: readonly Word[];
  /** `exec` when the operands are a JSON array of strings. */
  readonly form: "shell" | "exec";
  readonly heredocs: readonly Heredoc[];
  /** The comment lines between the instruction before and this one, without `#`, from the last empty one on. */
  readonly comments: readonly string[];
  /** The instruction with its continuation lines joined, without heredoc contents. */
  readonly source: string;
  readonly escape: EscapeCharacter;
  readonly file: string;
  readonly range: Range;
}

interface NodeBase {
  /** Cut when they are asked for the first time. */
  readonly tokens: readonly Token[];
  readonly range: Range;
}

export interface DirectiveNode extends NodeBase {
  readonly kind: "directive";
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
}

export interface CommentNode extends NodeBase {
  readonly kind: "comment";
  /** Without `#` and the white space around. */
  readonly text: string;
}

export interface BlankNode extends NodeBase {
  readonly kind: "blank";
}

export interface InstructionNode extends NodeBase {
  readonly kind: "instruction";
  readonly instruction: Instruction;
}

/** A statement that is no instruction; `Dockerfile.errors` says why. */
export interface InvalidNode extends NodeBase {
  readonly kind: "invalid";
  readonly statement: Statement;
}

export type Node = DirectiveNode | CommentNode | BlankNode | InstructionNode | InvalidNode;

export interface Warning {
  readonly code: "WARN_DOCKERFILE_EMPTY_CONTINUATION" | "WARN_DOCKERFILE_MAINTAINER" | "WARN_DOCKERFILE_SYNTAX";
  readonly message: string;
  readonly range: Range;
}

/** A parsed file, right or wrong. `errors` is empty exactly when it can be built. */
export interface Dockerfile {
  readonly file: string;
  /** The text that was parsed; `print` gives it back from the nodes. */
  readonly text: string;
  readonly escape: EscapeCharacter;
  readonly nodes: readonly Node[];
  /** The sound instructions in order; those inside ONBUILD are in their ONBUILD. */
  readonly instructions: readonly Instruction[];
  /** In the order of the file; the first thousand. */
  readonly errors: readonly DockerfileError[];
  readonly warnings: readonly Warning[];
}
