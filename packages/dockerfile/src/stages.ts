import type { FromInstruction } from "./instructions/from.ts";
import type { Instruction } from "./instructions/instruction.ts";
import type { ArgInstruction } from "./instructions/variables.ts";
import type { Dockerfile } from "./tree.ts";

/** What one FROM begins. */
export interface Stage {
  /** From 0; `COPY --from=0` means it. */
  readonly index: number;
  /** In lower case. */
  readonly name: string | undefined;
  readonly from: FromInstruction;
  readonly instructions: readonly Exclude<Instruction, FromInstruction>[];
}

export interface Stages {
  /** ARGs before the first FROM: known in FROM, and in a stage that repeats their name in an ARG of its own. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
}

/** The sound instructions by stage. What stands before the first FROM and is no ARG is an error and in no stage. */
export function stages(dockerfile: Dockerfile): Stages {
  const globalArgs: ArgInstruction[] = [];
  const found: (Stage & { instructions: Exclude<Instruction, FromInstruction>[] })[] = [];
  for (const instruction of dockerfile.instructions) {
    if (instruction.name === "FROM") {
      found.push({ index: found.length, name: instruction.stage, from: instruction, instructions: [] });
    } else if (found.length > 0) found.at(-1)!.instructions.push(instruction);
    else if (instruction.name === "ARG") globalArgs.push(instruction);
  }
  return { globalArgs, stages: found };
}

/**
 * The stage that `--from`, `FROM` or `--target` means by `reference`: a name in any case, else a number.
 * Of two stages with one name the later one counts.
 *
 * @param list  The stages that may be meant: inside stage 2, those before it.
 */
export function findStage(list: readonly Stage[], reference: string): Stage | undefined {
  const name = reference.toLowerCase();
  const named = list.findLast((stage) => stage.name === name);
  if (named !== undefined) return named;
  return /^\d{1,9}$/.test(reference) ? list.find((stage) => stage.index === Number(reference)) : undefined;
}
