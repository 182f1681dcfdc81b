/** One demand of a `WWW-Authenticate` header. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const maxHeader = 8192;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const quoted = /"((?:[^"\\\u0000-\u001f\u007f]|\\[\t\u0020-\u007e])*)"/y;
const gap = /[ \t]*/y;
const equals = /[ \t]*=[ \t]*/y;
const separator = /[ \t]*,[ \t,]*/y;

/**
 * Read `WWW-Authenticate`. A parameter that appears twice, an unknown character or a header of more
 * than 8 KiB makes the whole of it invalid: a challenge decides where a password goes.
 *
 * @returns undefined for a header that does not follow the grammar.
 * @see RFC 9110 section 11.6.1; distribution docs/content/spec/auth/token.md
 */
export function parseChallenges(header: string): readonly Challenge[] | undefined {
  if (header.length > maxHeader) return undefined;
  const text = new Cursor(header);
  const challenges: Challenge[] = [];
  text.take(gap);
  while (!text.isAtEnd()) {
    const scheme = text.take(token)?.toLowerCase();
    if (scheme === undefined) return undefined;
    text.take(gap);
    const parameters = readParameters(text);
    if (parameters === undefined) return undefined;
    challenges.push({ scheme, parameters });
    if (parameters.size === 0 && !text.isAtEnd() && text.take(separator) === undefined) return undefined;
  }
  return challenges;
}

/** `name=value, name="value"`, up to the end or to the scheme of the next challenge. */
function readParameters(text: Cursor): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  while (!text.isAtEnd()) {
    const start = text.at;
    const name = text.take(token)?.toLowerCase();
    if (name === undefined || text.take(equals) === undefined) {
      text.at = start;
      return parameters;
    }
    const value = text.take(quoted)?.slice(1, -1).replace(/\\(.)/g, "$1") ?? text.take(token);
    if (value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, value);
    if (!text.isAtEnd() && text.take(separator) === undefined) return undefined;
  }
  return parameters;
}

class Cursor {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  isAtEnd(): boolean {
    this.take(gap);
    return this.at >= this.#text.length;
  }
}
