import type { ArgInstruction } from "../instructions/variables.ts";
import type { Range } from "../position.ts";
import type { Stage } from "../stages.ts";
import type { CheckInput } from "./check-input.ts";
import type { Linter } from "./linter.ts";
import type { PlatformParts } from "./platform.ts";

/** Ends a check: what is behind this mistake cannot be understood. */
export class CheckStop {
  readonly message: string;
  readonly range: Range | undefined;
  constructor(message: string, range: Range | undefined) {
    this.message = message;
    this.range = range;
  }
}

/** A file under check. */
export interface Subject {
  readonly input: CheckInput;
  readonly linter: Linter;
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly target: PlatformParts;
  readonly build: PlatformParts;
  readonly targetStage: string;
  /** ARGs before the first FROM that have a value, the platform's among them. */
  args: ReadonlyMap<string, string>;
  /** The names of all ARGs before the first FROM. */
  declared: readonly string[];
}
