import { DockerfileError } from "./dockerfile-error.ts";
import { type Lexed, LexerFailure, type LexerOptions, type Lookup, lex } from "./shell-lexer.ts";
import type { EscapeCharacter, Word } from "./tree.ts";

/** The variables: a function, or an object whose own properties they are. */
export type Environment = Lookup | Readonly<Record<string, string | undefined>>;

/** What came out, and which variables had a say in it: together they are what a cache key needs. */
export interface Expansion<T> {
  readonly value: T;
  /** Variables that were asked for and are set, in the order of their first use. */
  readonly used: string[];
  /** Variables that were asked for and are not set. */
  readonly missing: string[];
}

export interface ExpandOptions {
  /** The file's escape character. Default: `\`. */
  readonly escape?: EscapeCharacter;
  /** The file's name for errors. Default: `Dockerfile`. */
  readonly file?: string;
}

/**
 * Expand an operand into one string: variables put in, quotes and escapes taken away.
 *
 * Understood are `$name`, `${name}`, `${name:-word}`, `-`, `+`, `?` with and without colon, and the patterns
 * `#`, `##`, `%`, `%%`, `/`, `//`. A variable that is not set is an empty string.
 *
 * @throws {DockerfileError} `ERR_DOCKERFILE_EXPANSION` for a bad substitution, an open quote, or a variable that
 *   `${name:?}` demands; `ERR_DOCKERFILE_LIMIT` for over 100 levels or over 4 Mi characters out of variables.
 */
export function expandWord(
  word: Word | string,
  environment: Environment,
  options: ExpandOptions = {},
): Expansion<string> {
  const log = new VariableLog(environment);
  return log.expansion(log.lex(word, {}, options).value);
}

/**
 * Expand an operand into words: like `expandWord`, then split at white space that is not quoted, also at
 * white space that came out of a variable.
 *
 * @throws {DockerfileError} as `expandWord` does.
 */
export function expandWords(
  word: Word | string,
  environment: Environment,
  options: ExpandOptions = {},
): Expansion<string[]> {
  const log = new VariableLog(environment);
  return log.expansion([...log.lex(word, {}, options).words]);
}

/** Expands many operands against one environment and remembers what they asked for. */
export class VariableLog {
  readonly #lookup: Lookup;
  readonly #used = new Set<string>();
  readonly #missing = new Set<string>();

  constructor(environment: Environment) {
    this.#lookup =
      typeof environment === "function"
        ? environment
        : (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined);
  }

  expansion<T>(value: T): Expansion<T> {
    return { value, used: [...this.#used], missing: [...this.#missing] };
  }

  lex(word: Word | string, extra: Omit<LexerOptions, "escape">, options: ExpandOptions): Lexed {
    const text = typeof word === "string" ? word : word.text;
    const ask = (name: string): string | undefined => {
      const value = this.#lookup(name);
      (value === undefined ? this.#missing : this.#used).add(name);
      return value;
    };
    try {
      return lex(text, ask, { ...extra, escape: options.escape ?? "\\" });
    } catch (failure) {
      if (!(failure instanceof LexerFailure)) throw failure;
      throw located(failure, word, text, options.file ?? "Dockerfile");
    }
  }
}

// Inside one line of source the offset in the word is the offset in the file.
function located(failure: LexerFailure, word: Word | string, text: string, file: string): DockerfileError {
  const start = typeof word === "string" ? { offset: 0, line: 1, column: 1 } : word.range.start;
  const straight = typeof word === "string" || word.range.end.offset - start.offset === text.length;
  const shift = straight && !text.slice(0, failure.offset).includes("\n") ? failure.offset : 0;
  const place = { offset: start.offset + shift, line: start.line, column: start.column + shift };
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const message = `cannot expand ${JSON.stringify(shown)}: ${failure.message}`;
  return new DockerfileError({ code: failure.code, message, range: { start: place, end: place } }, file);
}
