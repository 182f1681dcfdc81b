import type { Expanded } from "@ctr/dockerfile";
import type { Place } from "../builder-error.ts";
import { historyText } from "../history-text.ts";
import type { StepInstruction } from "./build-plan.ts";
import type { FileStep } from "./file-steps.ts";
import { settingsOf, timeOption, usedVariables } from "./ingredients.ts";
import { ownerIn, type StagePoint } from "./stage-point.ts";
import { EntryWriter, resolveTarget } from "./write-entries.ts";

type WorkdirInstruction = Extract<StepInstruction, { readonly name: "WORKDIR" }>;

/** The step that makes the directory of a WORKDIR that was set already. */
export function workdirStep(
  at: StagePoint,
  instruction: WorkdirInstruction,
  { value, used }: { readonly value: Expanded<WorkdirInstruction>; readonly used: readonly string[] },
  place: Place,
): FileStep {
  const { services, state, variables } = at;
  const { sourceDateEpoch } = services;
  const path = state.config.WorkingDir ?? "/";
  const user = state.config.User ?? "";
  const owner = user === "" ? undefined : ownerIn(at, user, place);
  return {
    operation: ["WORKDIR", path, user, sourceDateEpoch ?? null],
    inputs: [],
    ingredients: [...usedVariables(variables, used), ...settingsOf(state, ["USER"]), ...timeOption(sourceDateEpoch)],
    readsAll: false,
    history: historyText(value, instruction.source),
    make: async (draft) => {
      using view = services.workspace.openDraft(draft);
      const time = BigInt(sourceDateEpoch ?? 0) * 1_000_000_000n;
      const writer = new EntryWriter({ tree: view, owner, mode: undefined, time, place });
      writer.makeDirectories(resolveTarget(view, path));
      writer.finish();
    },
  };
}
