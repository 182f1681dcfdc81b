import type { PhysicalLine } from "./lines.ts";
import { skipSpace, trimEnd } from "./space.ts";
import type { DirectiveNode } from "./tree.ts";

export interface Directive {
  readonly name: DirectiveNode["name"];
  readonly value: string;
}

const names: readonly string[] = ["syntax", "escape", "check"];

/**
 * The parser directive on a line, if there is one: `# name = value`. Any other comment is a comment,
 * and ends the search for directives.
 *
 * @see https://docs.docker.com/reference/dockerfile/#parser-directives
 */
export function readDirective(text: string, line: PhysicalLine): Directive | undefined {
  const hash = skipSpace(text, line.start, line.end);
  if (text[hash] !== "#") return undefined;
  const nameStart = skipSpace(text, hash + 1, line.end);
  let at = nameStart;
  while (at < line.end && /[a-zA-Z0-9]/.test(text[at]!)) at++;
  const name = text.slice(nameStart, at).toLowerCase();
  at = skipSpace(text, at, line.end);
  if (!isName(name) || text[at] !== "=" || at >= line.end) return undefined;
  const valueStart = skipSpace(text, at + 1, line.end);
  const value = text.slice(valueStart, trimEnd(text, valueStart, line.end));
  return value === "" ? undefined : { name, value };
}

const isName = (name: string): name is Directive["name"] => names.includes(name);
