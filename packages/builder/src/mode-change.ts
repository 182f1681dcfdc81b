/** What `--chmod` does to a mode: sets it, or changes it clause by clause. */
export type ModeChange =
  | { readonly kind: "set"; readonly mode: number }
  | { readonly kind: "change"; readonly clauses: readonly Clause[] };

interface Clause {
  /** Bits of those whom the clause is about: u 0o4700, g 0o2070, o 0o1007. */
  readonly who: number;
  readonly operator: "+" | "-" | "=";
  readonly letters: string;
}

const whoBits: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const permissionBits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

/**
 * Read octal `755` or symbolic `u=rwX,go=rX`.
 *
 * @returns undefined when it is neither.
 * @see chmod(1)
 */
export function parseModeChange(text: string): ModeChange | undefined {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return mode <= 0o7777 ? { kind: "set", mode } : undefined;
  }
  if (text.length > 200) return undefined;
  const clauses: Clause[] = [];
  for (const part of text.split(",")) {
    const match = /^([ugoa]*)((?:[-+=][rwxXst]*)+)$/.exec(part);
    if (match === null) return undefined;
    const who = Array.from(match[1] || "a").reduce((bits, letter) => bits | whoBits[letter]!, 0);
    for (const [, operator, letters] of match[2]!.matchAll(/([-+=])([rwxXst]*)/g))
      clauses.push({ who, operator: operator as Clause["operator"], letters: letters! });
  }
  return { kind: "change", clauses };
}

/** The mode after the change. `X` is execution for directories, and for files that somebody may execute already. */
export function changeMode(change: ModeChange, mode: number, isDirectory: boolean): number {
  if (change.kind === "set") return change.mode;
  return change.clauses.reduce((current, { who, operator, letters }) => {
    const executable = isDirectory || (current & 0o111) !== 0;
    const bits = Array.from(letters).reduce(
      (sum, letter) => sum | (letter === "X" ? (executable ? 0o111 : 0) : permissionBits[letter]!),
      0,
    );
    if (operator === "+") return current | (bits & who);
    return operator === "-" ? current & ~(bits & who) : (current & ~who) | (bits & who);
  }, mode);
}
