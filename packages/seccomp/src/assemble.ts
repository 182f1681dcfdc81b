import { type Decision, tooLong } from "./decision-graph.ts";
import { encodeProgram, type Instruction, longestProgram, opcodes } from "./instruction.ts";

/** A conditional jump has 8 bits per direction. One is kept back: a second detour may be put in between. */
const farthestJump = 254;

/**
 * The program for a decision.
 *
 * Classic BPF only jumps forwards, so code is laid out from its end to its start: whatever a test jumps to stands
 * already. Where a target is more than 255 instructions away, a detour is put in front of the test: a second copy
 * of a `return`, or an unconditional jump, which has 32 bits.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TOO_LONG` above 4096 instructions.
 */
export function assemble(root: Decision): Uint8Array {
  const layout = new Layout();
  for (const decision of childrenFirst(root)) {
    layout.place(decision);
    if (layout.length > longestProgram) throw tooLong("a longer program");
  }
  return encodeProgram(layout.program());
}

class Layout {
  /** The last instruction first. */
  readonly #reversed: Instruction[] = [];
  /** Where each decision begins, nearest copy, as an index into `#reversed`. */
  readonly #starts = new Map<Decision, number>();

  get length(): number {
    return this.#reversed.length;
  }

  program(): Instruction[] {
    return this.#reversed.toReversed();
  }

  place(decision: Decision): void {
    switch (decision.kind) {
      case "return":
        this.#push({ code: opcodes.return, k: decision.value });
        break;
      case "load":
        this.#fallInto(decision.next);
        this.#push({ code: opcodes.load, k: decision.offset });
        break;
      case "and":
        this.#fallInto(decision.next);
        this.#push({ code: opcodes.and, k: decision.mask });
        break;
      case "test":
        this.#bringNear(decision.no);
        this.#bringNear(decision.yes);
        this.#push({
          code: opcodes[decision.test],
          k: decision.value,
          jumpTrue: this.#distance(decision.yes),
          jumpFalse: this.#distance(decision.no),
        });
    }
    this.#starts.set(decision, this.length - 1);
  }

  /** Instructions between the next one that is placed and the start of `target`. */
  #distance(target: Decision): number {
    return this.length - 1 - this.#starts.get(target)!;
  }

  #fallInto(next: Decision): void {
    if (this.#distance(next) > 0) this.#detour(next);
  }

  #bringNear(target: Decision): void {
    if (this.#distance(target) > farthestJump) this.#detour(target);
  }

  #detour(target: Decision): void {
    if (target.kind === "return") this.#push({ code: opcodes.return, k: target.value });
    else this.#push({ code: opcodes.goto, k: this.#distance(target) });
    this.#starts.set(target, this.length - 1);
  }

  #push(instruction: { code: number; k: number; jumpTrue?: number; jumpFalse?: number }): void {
    this.#reversed.push({ jumpTrue: 0, jumpFalse: 0, ...instruction });
  }
}

/** Every decision that can be reached, each after all it leads to. No recursion: a hostile profile may be deep. */
function childrenFirst(root: Decision): Decision[] {
  const order: Decision[] = [];
  const seen = new Set<Decision>();
  const stack: { readonly decision: Decision; readonly ready: boolean }[] = [{ decision: root, ready: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { decision, ready } = top;
    if (ready) order.push(decision);
    else if (!seen.has(decision)) {
      seen.add(decision);
      stack.push({ decision, ready: true });
      // What is pushed last is placed first, farthest from its parent; `yes` ends up right behind the test.
      for (const child of childrenOf(decision)) stack.push({ decision: child, ready: false });
    }
  }
  return order;
}

function childrenOf(decision: Decision): readonly Decision[] {
  if (decision.kind === "return") return [];
  return decision.kind === "test" ? [decision.yes, decision.no] : [decision.next];
}
