import { Complaint } from "./complaint.ts";
import { readDirective } from "./directives.ts";
import { DockerfileError, type Problem } from "./dockerfile-error.ts";
import { findHeredocs, type HeredocWord, readHeredocBody } from "./heredoc.ts";
import { type Instruction, readInstruction } from "./instructions/instruction.ts";
import { type LogicalLine, readLine, readLogicalLine } from "./lines.ts";
import { indexPositions, type PositionIndex } from "./position.ts";
import { LexerFailure } from "./shell-lexer.ts";
import { skipSpace, trim } from "./space.ts";
import { type Draft, draftStatement, type Mark, mayHaveHeredocs, withHeredocs } from "./statement.ts";
import { createTokenizer, type Tokenizer } from "./tokens.ts";
import type { Dockerfile, EscapeCharacter, Heredoc, Node, Token, Warning } from "./tree.ts";

export interface ParseOptions {
  /** The name that errors give the file. Default: `Dockerfile`. */
  readonly file?: string;
}

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
  readonly #tokenizer: Tokenizer;
  readonly #nodes: Node[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #errors: DockerfileError[] = [];
  readonly #warnings: Warning[] = [];
  #escape: EscapeCharacter;
  #at = 0;
  #comments: string[] = [];
  #inStage = false;

  constructor(text: string, file: string, escaper: EscapeCharacter = "\\") {
    this.#text = text;
    this.#file = file;
    this.#escape = escaper;
    this.#positions = indexPositions(text);
    this.#tokenizer = createTokenizer(text, this.#positions);
    if (text.charCodeAt(0) === 0xfeff) {
      this.#addNode({ kind: "blank" }, [this.#tokenizer.token("byteOrderMark", 0, 1)]);
      this.#at = 1;
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
        this.#report({ code: "ERR_DOCKERFILE_DIRECTIVE", message: `only one ${name} directive can be used`, range });
      else if (name === "escape") this.#setEscape(value, range);
      else if (name === "syntax") this.#warnAboutSyntax(value, range);
      seen.add(name);
      this.#addNode(
        { kind: "directive", name, value },
        this.#tokenizer.plainLine("directive", line.start, line.end, line.next),
      );
      this.#at = line.next;
    }
  }

  readStatements(): void {
    while (this.#at < this.#text.length) {
      const line = readLine(this.#text, this.#at);
      const first = skipSpace(this.#text, line.start, line.end);
      if (first === line.end) {
        this.#comments = [];
        this.#addNode({ kind: "blank" }, this.#tokenizer.plainLine("space", line.start, line.end, line.next));
        this.#at = line.next;
      } else if (this.#text[first] === "#") {
        const text = trim(this.#text.slice(first + 1, line.end));
        this.#comments = text === "" ? [] : [...this.#comments.slice(-99), text];
        this.#addNode({ kind: "comment", text }, this.#tokenizer.plainLine("comment", line.start, line.end, line.next));
        this.#at = line.next;
      } else this.#readStatement();
    }
  }

  requireStage(): void {
    const range = this.#positions.range(this.#text.length, this.#text.length);
    if (!this.#nodes.some((node) => node.kind === "instruction" || node.kind === "invalid")) {
      this.#report({ code: "ERR_DOCKERFILE_EMPTY", message: "file with no instructions", range });
    } else if (!this.#inStage)
      this.#report({ code: "ERR_DOCKERFILE_NO_STAGE", message: "no FROM: nothing to build", range });
  }

  #readStatement(): void {
    const line = readLogicalLine(this.#text, this.#at, this.#escape);
    const marks: Mark[] = [];
    const around = {
      line: line.text,
      escape: this.#escape,
      file: this.#file,
      comments: this.#comments,
      range: (start: number, end: number) => {
        const from = line.sourceOffset(start);
        return this.#positions.range(from, end > start ? line.sourceOffset(end - 1) + 1 : from);
      },
    };
    const draft = draftStatement(around, 0, line.text.length, marks, "file");
    this.#comments = [];
    this.#at = line.next;
    const tokens = this.#tokenizer.statement(line, marks);
    try {
      const heredocs = mayHaveHeredocs(draft) ? this.#readHeredocs(findHeredocs(line.text), draft, tokens) : [];
      const end = heredocs.length > 0 ? this.#positions.position(this.#at) : draft.statement.range.end;
      this.#addStatement(withHeredocs(draft, heredocs, { start: draft.statement.range.start, end }), tokens);
    } catch (failure) {
      if (!(failure instanceof LexerFailure)) throw failure;
      this.#report({
        code: "ERR_DOCKERFILE_HEREDOC",
        message: `a heredoc's word does not end: ${failure.message}`,
        range: draft.rest,
      });
      this.#addNode({ kind: "invalid", statement: draft.statement }, tokens);
    }
    if (line.emptyContinuation) this.#warnAboutContinuation(line, draft);
  }

  #readHeredocs(words: readonly HeredocWord[], draft: Draft, tokens: Token[]): Heredoc[] {
    return words.map((word) => {
      const body = readHeredocBody(this.#text, this.#at, word);
      if (body.end > body.start) tokens.push(this.#tokenizer.token("heredoc", body.start, body.end));
      if (body.next > body.end) tokens.push(this.#tokenizer.token("heredocEnd", body.end, body.next));
      this.#at = body.next;
      if (!body.terminated) {
        const message = `unterminated heredoc: no line ${JSON.stringify(word.name)} follows`;
        this.#report({ code: "ERR_DOCKERFILE_HEREDOC", message, range: draft.rest });
      }
      return {
        ...word,
        content: this.#text.slice(body.start, body.end),
        range: this.#positions.range(body.start, body.end),
      };
    });
  }

  #addStatement(draft: Draft, tokens: readonly Token[]): void {
    try {
      const instruction = readInstruction(draft);
      this.#checkOrder(instruction);
      this.#instructions.push(instruction);
      this.#addNode({ kind: "instruction", instruction }, tokens);
    } catch (complaint) {
      if (!(complaint instanceof Complaint)) throw complaint;
      const error = this.#report(complaint.problem);
      // A FROM that went wrong is one mistake, not one for every line that follows.
      if (draft.name === "FROM" || error?.suggestion === "FROM") this.#inStage = true;
      this.#addNode({ kind: "invalid", statement: draft.statement }, tokens);
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
      this.#report({ code: "ERR_DOCKERFILE_DIRECTIVE", message, range });
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

  #addNode(node: NodeContent, tokens: readonly Token[]): void {
    const range = { start: tokens[0]!.range.start, end: tokens.at(-1)!.range.end };
    this.#nodes.push({ ...node, tokens, range });
  }
}

type NodeContent = Node extends infer N ? (N extends Node ? Omit<N, "tokens" | "range"> : never) : never;
