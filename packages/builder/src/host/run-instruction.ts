import { expandInstruction } from "@ctr/dockerfile";
import { type Place, placeOf } from "../builder-error.ts";
import { absolutePath } from "../container-path.ts";
import { runHistoryText } from "../history-text.ts";
import { defaultShell } from "../image-settings.ts";
import { placeMounts } from "../mount-definition.ts";
import { runCommand } from "../run-command.ts";
import type { StepInstruction } from "./build-plan.ts";
import type { FileStep, Finished } from "./file-steps.ts";
import { refuseForeign } from "./foreign-platform.ts";
import { buildOptions, settingsOf, visibleVariables } from "./ingredients.ts";
import { runCommandOn } from "./run-step.ts";
import { openFrom, type StagePoint, stepNumber } from "./stage-point.ts";
import { StepMounts } from "./step-mounts.ts";

type RunInstruction = Extract<StepInstruction, { readonly name: "RUN" }>;

/** Do RUN. @param perform  Runs the step, or finds what it made before. */
export async function performRun(
  at: StagePoint,
  instruction: RunInstruction,
  place: Place,
  perform: (step: FileStep) => Promise<Finished>,
): Promise<Finished> {
  const { services, stage, state, variables, ordinal } = at;
  const { config } = state;
  const { hostname, worker, workspace, signal, emit, onFailure } = services;
  const { security } = instruction;
  const command = runCommand(instruction, config.Shell ?? defaultShell);
  const user = config.User ?? "";
  const cwd = absolutePath("/", config.WorkingDir ?? "/");
  const asked = instruction.flags.some((flag) => flag.name === "network");
  const network = asked ? instruction.network : services.network;
  const step = stepNumber(stage, ordinal);
  const settings = ["USER", "WORKDIR", ...(instruction.command.form === "shell" ? ["SHELL" as const] : [])] as const;
  using mounts = await readMounts(at, instruction, cwd);
  const operation = ["RUN", [...command.args], command.script?.text ?? "", user, cwd, network];
  return await perform({
    operation: [...operation, security, [...mounts.operation]],
    inputs: mounts.inputs,
    ingredients: [
      ...visibleVariables(variables),
      ...settingsOf(state, settings),
      ...buildOptions({ ...services, network: asked ? undefined : network }),
    ],
    readsAll: true,
    history: runHistoryText(command.args, variables.args),
    make: (draft) => {
      refuseForeign(state.platform, place);
      return runCommandOn({
        mounts,
        security,
        worker,
        workspace,
        draft,
        command,
        env: variables.commandEnvironment(),
        cwd,
        user,
        network,
        hostname,
        output: (stream, chunk) => emit({ type: "stepOutput", step, stream, chunk }),
        onFailure,
        place,
        signal,
      });
    },
  });
}

function readMounts(at: StagePoint, instruction: RunInstruction, workdir: string): Promise<StepMounts> {
  const { services, variables } = at;
  const { mounts } = expandInstruction(instruction, variables.lookup).value;
  const places = instruction.mounts.map((word) => placeOf(word, instruction.file));
  return StepMounts.read(placeMounts(mounts, workdir, places), services, async (from, { place }) =>
    from === undefined ? { ...services.context, layers: undefined, close: () => {} } : openFrom(at, from, place),
  );
}
