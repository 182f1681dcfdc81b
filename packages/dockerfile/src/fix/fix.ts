import { parse } from "../parse.ts";
import type { Dockerfile } from "../tree.ts";
import { fixArgOrder } from "./arg-below-steps.ts";
import { fixCacheMounts } from "./cache-mounts.ts";
import { fixFromCasing, fixInstructionCasing } from "./casing.ts";
import { fixChown } from "./chown-in-copy.ts";
import { applyFixes, type Fix, type FixRuleName } from "./edit.ts";
import { fixEmptyContinuations } from "./empty-continuation.ts";
import { fixExecForm } from "./exec-form.ts";
import { fixKeyValue } from "./key-value.ts";
import { fixManifestOrder } from "./manifest-first.ts";
import { fixSecrets } from "./secret-mount.ts";
import { type FixSubject, subjectOf } from "./subject.ts";

// The order is that in which they are applied: those that move whole instructions before those that edit them.
const rules: Readonly<Record<FixRuleName, (subject: FixSubject) => Fix[]>> = {
  SecretMount: fixSecrets,
  ManifestBeforeSources: fixManifestOrder,
  ArgBelowSteps: fixArgOrder,
  ChownInCopy: fixChown,
  CacheMount: fixCacheMounts,
  ExecForm: fixExecForm,
  KeyValueFormat: fixKeyValue,
  NoEmptyContinuation: fixEmptyContinuations,
  FromAsCasing: fixFromCasing,
  InstructionCasing: fixInstructionCasing,
};

/** All rules that `fix` knows. */
export const fixRules: readonly FixRuleName[] = Object.keys(rules) as FixRuleName[];

export interface FixOptions {
  /** Default: all. */
  readonly rules?: readonly FixRuleName[];
  /** Bytes of the layers that an earlier build made, by the line their instruction begins in. */
  readonly stepSizes?: ReadonlyMap<number, number>;
}

/** Rules look from an instruction to those around it; a file this long is not written by hand. */
const maxInstructions = 2000;

/**
 * What could be better in a file, as edits of its text. A broken file has no fixes, since what it means is not known, nor
 * has one of over 2000 instructions.
 *
 * @see applyFixes
 */
export function fix(file: Dockerfile, options: FixOptions = {}): Fix[] {
  if (file.errors.length > 0 || file.instructions.length > maxInstructions) return [];
  const subject = subjectOf(file, options.stepSizes ?? new Map());
  return (options.rules ?? fixRules).flatMap((name) => rules[name](subject));
}

/** Every fix makes less to fix; the limit is there in case two of them ever undo each other. */
const maxRounds = 50;

/** The text of a Dockerfile with all fixes applied, those that others make possible too. A broken one comes back as it is. */
export function fixText(text: string, options: FixOptions = {}): string {
  let fixed = text;
  for (let round = 0; round < maxRounds; round++) {
    const file = parse(fixed);
    const fixes = fix(file, options);
    if (fixes.length === 0) break;
    fixed = applyFixes(file, fixes).text;
  }
  return fixed;
}
