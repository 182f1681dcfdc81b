import { longestProgram } from "./instruction.ts";
import { SeccompError } from "./seccomp-error.ts";

/** A step of a decision. Equal nodes are one object, so that equal ends of different decisions become one piece of code. */
export type Decision = { readonly id: number } & (
  | { readonly kind: "return"; readonly value: number }
  | { readonly kind: "load"; readonly offset: number; readonly next: Decision }
  | { readonly kind: "and"; readonly mask: number; readonly next: Decision }
  | {
      readonly kind: "test";
      readonly test: "equal" | "atLeast" | "anyBit";
      readonly value: number;
      readonly yes: Decision;
      readonly no: Decision;
    }
);

// Far more than a program can hold, few enough to stop a hostile profile early.
const mostNodes = 16 * longestProgram;

/** Makes decisions and shares equal ones. A test that decides nothing, or a load that nobody reads, is left out. */
export class DecisionGraph {
  readonly #nodes = new Map<string, Decision>();

  returns(value: number): Decision {
    return this.#share(`return ${value >>> 0}`, (id) => ({ id, kind: "return", value: value >>> 0 }));
  }

  load(offset: number, next: Decision): Decision {
    if (next.kind === "return" || next.kind === "load") return next;
    return this.#share(`load ${offset} ${next.id}`, (id) => ({ id, kind: "load", offset, next }));
  }

  and(mask: number, next: Decision): Decision {
    if (next.kind === "return" || next.kind === "load") return next;
    return this.#share(`and ${mask} ${next.id}`, (id) => ({ id, kind: "and", mask, next }));
  }

  test(test: "equal" | "atLeast" | "anyBit", value: number, yes: Decision, no: Decision): Decision {
    if (yes === no) return yes;
    return this.#share(`${test} ${value} ${yes.id} ${no.id}`, (id) => ({ id, kind: "test", test, value, yes, no }));
  }

  #share(key: string, make: (id: number) => Decision): Decision {
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    if (this.#nodes.size >= mostNodes) throw tooLong(`more than ${mostNodes} decisions`);
    const made = make(this.#nodes.size);
    this.#nodes.set(key, made);
    return made;
  }
}

export function tooLong(found: string): SeccompError {
  return new SeccompError(
    "ERR_SECCOMP_TOO_LONG",
    `the profile needs ${found}; the kernel takes programs of up to ${longestProgram} instructions. Use fewer rules with arguments, or fewer architectures`,
  );
}
