import type { Seccomp } from "@ctr/oci";
import { errnoNumbers, isPermissive, returnValue } from "./action.ts";
import { type Architecture, entries, firstX32Number, type Machine, x32Architecture, x32Bit } from "./architectures.ts";
import { type CallRule, decideByArguments, readRule } from "./argument-decision.ts";
import { assemble } from "./assemble.ts";
import { type Decision, DecisionGraph } from "./decision-graph.ts";
import { dataOffsets, instructionSize } from "./instruction.ts";
import { type Range, searchTree } from "./search-tree.ts";
import { SeccompError } from "./seccomp-error.ts";

export interface CompileOptions {
  readonly profile: Seccomp;
  /** The machine that the filter is for. */
  readonly architecture: Machine;
}

export interface CompiledFilter {
  /** An array of struct sock_filter, ready for seccomp(2). */
  readonly program: Uint8Array;
  /** How many instructions that are; the kernel takes 4096. */
  readonly instructions: number;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
  /** Names in the profile that no compiled architecture has; such rules have no effect, as with libseccomp. */
  readonly ignoredSyscalls: readonly string[];
  /** Architectures in the profile that this machine cannot run or this package has no table for; their calls kill. */
  readonly ignoredArchitectures: readonly string[];
}

/**
 * Compile a profile for a machine.
 *
 * - Several rules for one call: the first whose arguments match decides.
 * - A call that the tables know and no rule matches gets the default action. One that they do not know gets ENOSYS,
 *   so that a C library falls back to an older call; a permissive default (ALLOW, LOG, TRACE) applies to it as well.
 * - A call through an entry that the profile does not list kills the process. The native one is always listed.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE`, `ERR_SECCOMP_UNSUPPORTED`, `ERR_SECCOMP_TOO_LONG`.
 * @see runtime-spec config-linux.md#seccomp; seccomp(2)
 */
export function compile({ profile, architecture }: CompileOptions): CompiledFilter {
  const { chosen, ignored } = chooseEntries(profile.architectures ?? [], architecture);
  const compiler = new Compiler(profile);
  const program = assemble(compiler.decide(chosen));
  return {
    program,
    instructions: program.length / instructionSize,
    flags: readFlags(profile.flags ?? []),
    ignoredSyscalls: compiler.namesOutside(chosen),
    ignoredArchitectures: ignored,
  };
}

function chooseEntries(
  wanted: readonly string[],
  machine: Machine,
): { readonly chosen: readonly Architecture[]; readonly ignored: readonly string[] } {
  const known = entries[machine];
  const [native] = known.values();
  const listed = [...known].filter(([name, entry]) => entry === native || wanted.includes(name));
  return {
    chosen: listed.map(([, entry]) => entry),
    ignored: wanted.filter((name) => !known.has(name)),
  };
}

class Compiler {
  readonly #graph = new DecisionGraph();
  readonly #rules = new Map<string, CallRule[]>();
  readonly #default: Decision;
  readonly #unknown: Decision;
  readonly #kill: Decision;

  constructor(profile: Seccomp) {
    const { defaultAction, defaultErrnoRet, syscalls = [] } = profile;
    const graph = this.#graph;
    this.#default = graph.returns(returnValue(defaultAction, defaultErrnoRet, "defaultAction"));
    this.#unknown = isPermissive(defaultAction)
      ? this.#default
      : graph.returns(returnValue("SCMP_ACT_ERRNO", errnoNumbers.ENOSYS, "unknown calls"));
    this.#kill = graph.returns(returnValue("SCMP_ACT_KILL_PROCESS", undefined, "other architectures"));

    for (const [at, rule] of syscalls.entries()) {
      const where = `syscalls[${at}]`;
      const rules = readRule(rule, returnValue(rule.action, rule.errnoRet, where), where);
      for (const name of rule.names) {
        const before = this.#rules.get(name);
        if (before === undefined) this.#rules.set(name, [...rules]);
        else before.push(...rules);
      }
    }
  }

  namesOutside(chosen: readonly Architecture[]): string[] {
    return [...this.#rules.keys()].filter((name) => !chosen.some(({ table }) => table.has(name)));
  }

  /** `arch` first, since a number means nothing without it. */
  decide(chosen: readonly Architecture[]): Decision {
    const withX32 = chosen.includes(x32Architecture);
    const byNumber = chosen
      .filter((entry) => entry !== x32Architecture)
      .reduceRight((others, entry, at) => {
        const numbers =
          at === 0 && entry.audit === x32Architecture.audit ? this.#x86_64(entry, withX32) : this.#entry(entry);
        const decision = this.#graph.load(dataOffsets.number, numbers);
        return this.#graph.test("equal", entry.audit, decision, others);
      }, this.#kill);
    return this.#graph.load(dataOffsets.architecture, byNumber);
  }

  #entry(entry: Architecture): Decision {
    return searchTree(this.#graph, this.#ranges(entry));
  }

  /** x32 calls look like x86-64's with a bit in the number: take the bit out and go on in the same tree. */
  #x86_64(native: Architecture, withX32: boolean): Decision {
    const ranges = this.#ranges(native);
    // A tracer that skips a call sets its number to -1; that is no x32 call and must not kill (ptrace(2)).
    const skipped = { first: 0xffffffff, decision: this.#unknown };
    if (!withX32) return searchTree(this.#graph, [...ranges, { first: x32Bit, decision: this.#kill }, skipped]);
    const shared = searchTree(this.#graph, ranges);
    const own = searchTree(this.#graph, this.#ranges(x32Architecture).slice(1)); // without the gap before 512
    const x32 = this.#graph.and(~x32Bit >>> 0, this.#graph.test("atLeast", firstX32Number, own, shared));
    return this.#graph.test("atLeast", x32Bit, x32, shared);
  }

  /** Tables are in the order of their numbers. */
  #ranges({ table, narrow }: Architecture): Range[] {
    const ranges: Range[] = [];
    let next = 0;
    for (const [name, number] of table) {
      if (number > next) ranges.push({ first: next, decision: this.#unknown });
      ranges.push({ first: number, decision: this.#call(name, narrow) });
      next = number + 1;
    }
    return [...ranges, { first: next, decision: this.#unknown }];
  }

  #call(name: string, narrow: boolean): Decision {
    const rules = this.#rules.get(name);
    return rules === undefined ? this.#default : decideByArguments(this.#graph, rules, this.#default, narrow);
  }
}

const flagBits: ReadonlyMap<string, number> = new Map([
  // Gives the filter to every thread of the process. There is one thread when a container starts.
  ["SECCOMP_FILTER_FLAG_TSYNC", 0],
  ["SECCOMP_FILTER_FLAG_LOG", 2],
  ["SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4],
]);

function readFlags(names: readonly string[]): number {
  let flags = 0;
  for (const name of names) {
    const bit = flagBits.get(name);
    if (bit === undefined)
      throw new SeccompError(
        "ERR_SECCOMP_UNSUPPORTED",
        `flags: ${JSON.stringify(name)?.slice(0, 64)} is not supported; known are ${[...flagBits.keys()].join(", ")}`,
      );
    flags |= bit;
  }
  return flags;
}
