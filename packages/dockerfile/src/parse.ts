import { CheckOptionsFailure, readCheckOptions } from "./check/check-options.ts";
import { Complaint } from "./complaint.ts";
import { readDirective } from "./directives.ts";
import { DockerfileError, type Problem } from "./dockerfile-error.ts";
import { findHeredocs, type HeredocWord, readHeredocBody } from "./heredoc.ts";
import { type Instruction, readInstruction } from "./instructions/instruction.ts";
import { type LogicalLine, type PhysicalLine, readLine, readLogicalLine } from "./lines.ts";
import { Blank, Comment, DirectiveLine, statementNode, type TokenReader } from "./nodes.ts";
import { indexPositions, type PositionIndex } from "./position.ts";
import { LexerFailure } from "./shell-lexer.ts";
import { skipSpace, trim } from "./space.ts";
import { type Draft, draftStatement, mayHaveHeredocs, surroundingsOf, withHeredocs } from "./statement.ts";
import { createTokenReader } from "./tokens.ts";
import type { Dockerfile, EscapeCharacter, Heredoc, Node, Statement, Warning } from "./tree.ts";

export interface ParseOptions {
  /** The name that errors give the file. Default: `Dockerfile`. */
  readonly file?: string;
}

const none: string[] = []; // never pushed to

/** A file of nothing but mistakes would otherwise cost more in errors than in text. */
const maxErrors = 1000;

/**
 * Parse a Dockerfile. Never throws: what is wrong is in `errors`, and reading goes on behind it.
 * Time and memory grow with the text, whatever it holds.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function parse(text: string, options: ParseOptions = {}): Dockerfile {
  const parser = new Parser(text, options.file ?? "Dockerfile");
  parser.readDirectives();
  parser.readStatements();
  parser.requireStage();
  return parser.result();
}

/**
 * Parse one instruction that stands alone, such as a trigger that ONBUILD left in an image.
 *
 * @throws {DockerfileError} when it is none, or more than one.
 */
export function parseInstruction(
  text: string,
  options: ParseOptions & { readonly escape?: EscapeCharacter } = {},
): Instruction {
  const file = options.file ?? "instruction";
  const parser = new Parser(text, file, options.escape);
  parser.assumeStage();
  parser.readStatements();
  const { errors, instructions } = parser.result();
  if (errors[0] !== undefined) throw errors[0];
  const [instruction] = instructions;
  if (instruction !== undefined && instructions.length === 1) return instruction;
  const range = indexPositions(text).range(0, text.length);
  throw new DockerfileError(
    { code: "ERR_DOCKERFILE_ARGUMENTS", message: `one instruction expected, found ${instructions.length}`, range },
    file,
  );
}

/**
 * @throws {DockerfileError} the first mistake of the file, if it has any.
 */
export function assertValid(dockerfile: Dockerfile): void {
  const [error] = dockerfile.errors;
  if (error !== undefined) throw error;
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  readonly #positions: PositionIndex;
  readonly #tokens: TokenReader;
  readonly #nodes: Node[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #errors: DockerfileError[] = [];
  readonly #warnings: Warning[] = [];
  #escape: EscapeCharacter;
  #at = 0;
  #comments: string[] = none;
  #inStage = false;

  constructor(text: string, file: string, escaper: EscapeCharacter = "\\") {
    this.#text = text;
    this.#file = file;
    this.#escape = escaper;
    this.#positions = indexPositions(text);
    this.#tokens = createTokenReader(text, () => this.#escape, this.#positions);
    if (text.charCodeAt(0) === 0xfeff) {
      this.#at = 1;
      this.#nodes.push(new Blank(this.#positions.range(0, 1), this.#tokens));
    }
  }

  result(): Dockerfile {
    return {
      file: this.#file,
      text: this.#text,
      escape: this.#escape,
      nodes: this.#nodes,
      instructions: this.#instructions,
      errors: this.#errors.sort((a, b) => a.range.start.offset - b.range.start.offset),
      warnings: this.#warnings,
    };
  }

  /** What follows is part of a stage that began elsewhere. */
  assumeStage(): void {
    this.#inStage = true;
  }

  /** Directives come first, each at most once; the first other line ends them. */
  readDirectives(): void {
    const seen = new Set<string>();
    while (this.#at < this.#text.length) {
      const line = readLine(this.#text, this.#at);
      const directive = readDirective(this.#text, line);
      if (directive === undefined) return;
      const { name, value } = directive;
      const range = this.#positions.range(line.start, line.end);
      if (seen.has(name))
        this.#report({
          code: "ERR_DOCKERFILE_DIRECTIVE",
          phase: "syntax",
          message: `only one ${name} parser directive can be used`,
          range,
        });
      else if (name === "escape") this.#setEscape(value, range);
      else if (name === "syntax") this.#warnAboutSyntax(value, range);
      else this.#tryCheckOptions(value, range);
      seen.add(name);
      this.#nodes.push(new DirectiveLine(this.#positions.range(line.start, line.next), this.#tokens, directive));
      this.#at = line.next;
    }
  }

  readStatements(): void {
    while (this.#at < this.#text.length) {
      const line = readLine(this.#text, this.#at);
      const first = skipSpace(this.#text, line.start, line.end);
      if (first === line.end) {
        this.#nodes.push(new Blank(this.#positions.range(line.start, line.next), this.#tokens));
        this.#at = line.next;
      } else if (this.#text[first] === "#") {
        const text = trim(this.#text.slice(first + 1, line.end));
        this.#noteComment(line);
        this.#nodes.push(new Comment(this.#positions.range(line.start, line.next), this.#tokens, text));
        this.#at = line.next;
      } else this.#readStatement();
    }
  }

  // As BuildKit counts them: a lone # parts what is above it from the instruction, a blank line does not, and
  // in an indented comment only the first character goes.
  #noteComment(line: PhysicalLine): void {
    const text = trim(this.#text.slice(line.start + 1, line.end));
    if (text === "") this.#comments = none;
    else if (this.#comments.length === 0) this.#comments = [text];
    else this.#comments.push(text);
  }

  requireStage(): void {
    const range = this.#positions.range(this.#text.length, this.#text.length);
    if (!this.#nodes.some((node) => node.kind === "instruction" || node.kind === "invalid")) {
      this.#report({ code: "ERR_DOCKERFILE_EMPTY", phase: "syntax", message: "file with no instructions", range });
    } else if (!this.#inStage)
      this.#report({ code: "ERR_DOCKERFILE_NO_STAGE", message: "no FROM: nothing to build", range });
  }

  #readStatement(): void {
    const start = this.#at;
    const line = readLogicalLine(this.#text, start, this.#escape);
    const place = { escape: this.#escape, file: this.#file, comments: this.#comments };
    const draft = draftStatement(surroundingsOf(line, place, this.#positions));
    this.#comments = none;
    this.#at = line.next;
    const meaning = this.#readRest(draft, line);
    if (line.emptyContinuation) this.#warnAboutContinuation(line, draft);
    this.#nodes.push(statementNode(this.#positions.range(start, this.#at), this.#tokens, meaning));
  }

  /** The heredocs of a statement, then what it means. */
  #readRest(draft: Draft, line: LogicalLine): Statement | Instruction {
    try {
      const heredocs = mayHaveHeredocs(draft) ? this.#readHeredocs(findHeredocs(line.text), draft) : [];
      const end = heredocs.length > 0 ? this.#positions.position(this.#at) : draft.statement.range.end;
      return this.#readInstruction(withHeredocs(draft, heredocs, { start: draft.statement.range.start, end }));
    } catch (failure) {
      if (!(failure instanceof LexerFailure)) throw failure;
      const message = `a heredoc's word does not end: ${failure.message}`;
      this.#report({ code: "ERR_DOCKERFILE_HEREDOC", phase: "syntax", message, range: draft.rest });
      return draft.statement;
    }
  }

  #readHeredocs(words: readonly HeredocWord[], draft: Draft): Heredoc[] {
    return words.map((word) => {
      const body = readHeredocBody(this.#text, this.#at, word);
      this.#at = body.next;
      if (!body.terminated) {
        const message = `unterminated heredoc: no line ${JSON.stringify(word.name)} follows`;
        this.#report({ code: "ERR_DOCKERFILE_HEREDOC", phase: "syntax", message, range: draft.rest });
      }
      return {
        ...word,
        content: this.#text.slice(body.start, body.end),
        range: this.#positions.range(body.start, body.end),
      };
    });
  }

  #readInstruction(draft: Draft): Statement | Instruction {
    try {
      const instruction = readInstruction(draft);
      this.#checkOrder(instruction);
      this.#instructions.push(instruction);
      return instruction;
    } catch (complaint) {
      if (!(complaint instanceof Complaint)) throw complaint;
      const error = this.#report(complaint.problem);
      // A FROM that went wrong is one mistake, not one for every line that follows.
      if (draft.name === "FROM" || error?.suggestion === "FROM") this.#inStage = true;
      return draft.statement;
    }
  }

  #checkOrder(instruction: Instruction): void {
    const { name, keyword } = instruction;
    if (name === "FROM") this.#inStage = true;
    else if (name === "MAINTAINER") {
      const message = "MAINTAINER is deprecated: LABEL maintainer=… says the same";
      this.#warnings.push({ code: "WARN_DOCKERFILE_MAINTAINER", message, range: keyword.range });
    }
    if (this.#inStage || name === "ARG") return;
    this.#report({
      code: "ERR_DOCKERFILE_NO_STAGE",
      message: `${name} before the first FROM: no stage to do it in`,
      range: keyword.range,
    });
    this.#inStage = true;
  }

  #setEscape(value: string, range: Problem["range"]): void {
    if (value === "\\" || value === "`") this.#escape = value;
    else {
      const message = `the escape character is \\ or \`, not ${JSON.stringify(value)}`;
      this.#report({ code: "ERR_DOCKERFILE_DIRECTIVE", phase: "syntax", message, range });
    }
  }

  #tryCheckOptions(value: string, range: Problem["range"]): void {
    try {
      readCheckOptions(value);
    } catch (failure) {
      if (!(failure instanceof CheckOptionsFailure)) throw failure;
      const message = `failed to parse check options: ${failure.message}`;
      this.#report({ code: "ERR_DOCKERFILE_DIRECTIVE", phase: "syntax", message, range });
    }
  }

  #warnAboutSyntax(value: string, range: Problem["range"]): void {
    if (/^(docker\.io\/)?docker\/dockerfile([:@\s]|$)/.test(value)) return;
    const message = `the frontend ${JSON.stringify(value)} is not loaded: the file is read as docker/dockerfile`;
    this.#warnings.push({ code: "WARN_DOCKERFILE_SYNTAX", message, range });
  }

  #warnAboutContinuation(line: LogicalLine, draft: Draft): void {
    const blank = line.pieces.find((piece) => piece.kind === "blank")!;
    const message = `a blank line inside ${draft.name}: write \`#\` or take it out`;
    this.#warnings.push({
      code: "WARN_DOCKERFILE_EMPTY_CONTINUATION",
      message,
      range: this.#positions.range(blank.start, blank.end),
    });
  }

  #report(problem: Problem): DockerfileError | undefined {
    if (this.#errors.length >= maxErrors) return undefined;
    const error = new DockerfileError(problem, this.#file);
    this.#errors.push(error);
    return error;
  }
}
