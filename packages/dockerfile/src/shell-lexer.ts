import { matchCost, parsePattern, replace, trimPrefix, trimSuffix } from "./pattern.ts";
import { isSpace } from "./space.ts";

/** The value of a variable, or `undefined` when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface LexerOptions {
  readonly escape: string;
  /** Keep quotes in the result. */
  readonly keepQuotes?: boolean;
  /** Keep escape characters in the result. */
  readonly keepEscapes?: boolean;
  /** Leave `$name` as it is when the variable is not set. */
  readonly keepUnset?: boolean;
  /** Quotes are ordinary characters: the inside of a heredoc. */
  readonly plainQuotes?: boolean;
  /** White space behind `<<` and `<<-` does not end a word. */
  readonly heredocWords?: boolean;
}

export interface Lexed {
  readonly value: string;
  /** The value split at white space that neither quotes nor escapes protect. */
  readonly words: readonly string[];
}

/** Why a word cannot be expanded, and where in it. Thrown: recursion makes a result type unreadable. */
export class LexerFailure {
  readonly code: "ERR_DOCKERFILE_EXPANSION" | "ERR_DOCKERFILE_LIMIT";
  readonly message: string;
  readonly offset: number;
  constructor(message: string, offset: number, code: LexerFailure["code"] = "ERR_DOCKERFILE_EXPANSION") {
    this.message = message;
    this.offset = offset;
    this.code = code;
  }
}

const maxDepth = 100;
/** Characters that one word may take from variables; execve(2) takes no argument over 128 KiB. */
const maxSubstituted = 1 << 22;
const maxMatchCost = 1 << 26;

const special = "@*#?-$!0";
const startsName = /[\p{L}_]/u;
const inName = /[\p{L}\p{Nd}_]/u;
const digit = /\p{Nd}/u;

/**
 * Expand and split one operand the way BuildKit does: variables, quotes, escapes.
 *
 * @throws {LexerFailure}
 */
export function lex(source: string, lookup: Lookup, options: LexerOptions): Lexed {
  return new Lexer(source, lookup, options).scan("", options.keepEscapes === true);
}

class Lexer {
  readonly #source: string;
  readonly #lookup: Lookup;
  readonly #options: LexerOptions;
  #at = 0;
  #depth = 0;
  #substituted = 0;

  constructor(source: string, lookup: Lookup, options: LexerOptions) {
    this.#source = source;
    this.#lookup = lookup;
    this.#options = options;
  }

  /** Read up to `stop` and past it; "" is the end of the source. */
  scan(stop: string, keepEscapes: boolean): Lexed {
    const start = this.#at;
    if (++this.#depth > maxDepth) {
      throw new LexerFailure(`substitutions are nested over ${maxDepth} deep`, start, "ERR_DOCKERFILE_LIMIT");
    }
    const out = new WordCollector();
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at]!;
      if (character === stop) {
        this.#at++;
        this.#depth--;
        return out.finish();
      }
      this.#scanOne(character, out, keepEscapes);
    }
    if (stop !== "") throw new LexerFailure(`syntax error: missing '${stop}' of a substitution`, start);
    this.#depth--;
    return out.finish();
  }

  #scanOne(character: string, out: WordCollector, keepEscapes: boolean): void {
    const quotes = this.#options.plainQuotes !== true;
    if (character === "$") out.addSplitting(this.#dollar());
    else if (character === "'" && quotes) out.addWhole(this.#singleQuoted());
    else if (character === '"' && quotes) out.addWhole(this.#doubleQuoted(keepEscapes));
    else if (character === "<" && this.#options.heredocWords === true) out.addWhole(this.#heredocOperator());
    else if (character === this.#options.escape) {
      this.#at++;
      if (keepEscapes) out.addWhole(character);
      if (this.#at < this.#source.length) out.addWhole(this.#source[this.#at++]!);
    } else {
      this.#at++;
      out.addSplitting(character);
    }
  }

  #singleQuoted(): string {
    const start = this.#at;
    const close = this.#source.indexOf("'", start + 1);
    if (close === -1) throw new LexerFailure("unexpected end: a single quote is never closed", start);
    this.#at = close + 1;
    return this.#options.keepQuotes ? this.#source.slice(start, close + 1) : this.#source.slice(start + 1, close);
  }

  // Inside double quotes an escape protects a double quote, a dollar sign and itself; else it stays.
  #doubleQuoted(keepEscapes: boolean): string {
    const start = this.#at++;
    const quote = this.#options.keepQuotes ? '"' : "";
    let result = quote;
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at]!;
      if (character === '"') {
        this.#at++;
        return result + quote;
      }
      if (character === "$") {
        result += this.#dollar();
        continue;
      }
      this.#at++;
      const next = this.#source[this.#at];
      if (character !== this.#options.escape || next === undefined) {
        if (character !== this.#options.escape) result += character;
      } else if (next === '"' || next === "$" || next === this.#options.escape) {
        result += keepEscapes ? character + next : next;
        this.#at++;
      } else {
        result += keepEscapes ? character + character : character;
      }
    }
    throw new LexerFailure("unexpected end: a double quote is never closed", start);
  }

  #heredocOperator(): string {
    const start = this.#at++;
    if (this.#source[this.#at] !== "<") return "<";
    this.#at++;
    if (this.#source[this.#at] === "-") this.#at++;
    while (this.#at < this.#source.length && isSpace(this.#source.charCodeAt(this.#at))) this.#at++;
    return this.#source.slice(start, this.#at);
  }

  #dollar(): string {
    const start = this.#at++;
    if (this.#source[this.#at] !== "{") {
      const name = this.#name();
      if (name === "") return "$";
      const value = this.#value(name);
      return value ?? (this.#options.keepUnset ? `$${name}` : "");
    }
    this.#at++;
    const next = this.#source[this.#at];
    if (next === undefined) throw new LexerFailure("syntax error: missing '}' of a substitution", start);
    if (next === "{" || next === "}" || next === ":") throw new LexerFailure("syntax error: bad substitution", start);
    const name = this.#name();
    const value = this.#braced(name, start);
    if (value !== undefined) return value;
    return this.#options.keepUnset ? this.#source.slice(start, this.#at) : "";
  }

  // From behind the name in ${name…} to behind the closing brace; `undefined` when nothing is set.
  #braced(name: string, start: number): string | undefined {
    let operator = this.#source[this.#at++];
    if (operator === "}") return this.#value(name);
    if (operator === "/") return this.#replacement(name);
    const emptyIsUnset = operator === ":";
    if (emptyIsUnset) operator = this.#source[this.#at++];
    const allowed = emptyIsUnset ? "-+?" : "-+?#%";
    if (operator === undefined) throw new LexerFailure("syntax error: missing '}' of a substitution", start);
    if (!allowed.includes(operator)) {
      const written = emptyIsUnset ? `:${operator}` : operator;
      throw new LexerFailure(`unsupported modifier (${written}) in substitution`, start);
    }
    const word = this.scan("}", operator === "#" || operator === "%").value;
    const value = this.#value(name);
    if (value === undefined && this.#options.keepUnset) return undefined;
    const missing = value === undefined || (emptyIsUnset && value === "");
    switch (operator) {
      case "-":
        return missing ? word : value;
      case "+":
        return missing ? "" : word;
      case "?":
        if (missing) throw new LexerFailure(`${name}: ${word || requirement(value)}`, start);
        return value;
      default:
        return value === undefined ? undefined : this.#trimmed(value, operator, word, start);
    }
  }

  #trimmed(value: string, operator: string, word: string, start: number): string {
    const longest = word.startsWith(operator);
    const pattern = this.#pattern(longest ? word.slice(1) : word, value, start);
    return (operator === "#" ? trimPrefix : trimSuffix)(value, pattern, longest);
  }

  #replacement(name: string): string | undefined {
    const start = this.#at;
    const all = this.#source[this.#at] === "/";
    if (all) this.#at++;
    const wanted = this.scan("/", true).value;
    const replacement = this.scan("}", true).value;
    const value = this.#value(name);
    if (value === undefined) return undefined;
    const result = replace(value, this.#pattern(wanted, value, start), replacement, all);
    this.#spend(result.length, start);
    return result;
  }

  #pattern(text: string, value: string, start: number): Exclude<ReturnType<typeof parsePattern>, { invalid: string }> {
    const pattern = parsePattern(text);
    if ("invalid" in pattern) {
      throw new LexerFailure(`invalid pattern (${text}) in substitution: ${pattern.invalid} escapes nothing`, start);
    }
    if (matchCost(value, pattern) > maxMatchCost) {
      throw new LexerFailure("the pattern is too long for a value of this size", start, "ERR_DOCKERFILE_LIMIT");
    }
    return pattern;
  }

  #value(name: string): string | undefined {
    const value = this.#lookup(name);
    if (value !== undefined) this.#spend(value.length, this.#at);
    return value;
  }

  // Without it `${a:+$b}` a thousand times over costs a thousand times `b` and shows none of it.
  #spend(length: number, at: number): void {
    this.#substituted += length;
    if (this.#substituted > maxSubstituted) {
      throw new LexerFailure(`variables put in over ${maxSubstituted} characters`, at, "ERR_DOCKERFILE_LIMIT");
    }
  }

  // Letters, digits, underscores; or digits alone; or one of the shell's special parameters.
  #name(): string {
    const start = this.#at;
    const first = this.#character();
    if (first === "") return "";
    if (digit.test(first)) {
      for (let next = first; next !== "" && digit.test(next); next = this.#character()) this.#at += next.length;
    } else if (special.includes(first)) {
      this.#at++;
    } else if (startsName.test(first)) {
      for (let next = first; next !== "" && inName.test(next); next = this.#character()) this.#at += next.length;
    }
    return this.#source.slice(start, this.#at);
  }

  #character(): string {
    const code = this.#source.codePointAt(this.#at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }
}

const requirement = (value: string | undefined): string =>
  value === undefined ? "is not allowed to be unset" : "is not allowed to be empty";

class WordCollector {
  readonly #words: string[] = [];
  #value = "";
  #word = "";

  /** Text in which white space separates words. */
  addSplitting(text: string): void {
    this.#value += text;
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      if (!isSpace(text.charCodeAt(at))) continue;
      this.#word += text.slice(from, at);
      this.#endWord();
      from = at + 1;
    }
    this.#word += text.slice(from);
  }

  addWhole(text: string): void {
    this.#value += text;
    this.#word += text;
  }

  finish(): Lexed {
    this.#endWord();
    return { value: this.#value, words: this.#words };
  }

  #endWord(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}
