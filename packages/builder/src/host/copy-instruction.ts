import type { Place } from "../builder-error.ts";
import { absolutePath, namesDirectory, plainSource } from "../container-path.ts";
import { withoutPassword } from "../git-reference.ts";
import { historyText } from "../history-text.ts";
import type { StepInstruction } from "./build-plan.ts";
import { collectFiles, copyFiles, modeOf, type TransferFields } from "./copy-step.ts";
import type { FileStep, Finished } from "./file-steps.ts";
import { settingsOf, timeOption, usedVariables } from "./ingredients.ts";
import { openFrom, ownerIn, type StagePoint } from "./stage-point.ts";
import { Tree } from "./tree.ts";

/**
 * Do COPY or ADD.
 *
 * @param it  The instruction's fields with its variables put in, `used` their names.
 * @param perform  Runs the step, or finds what it made before.
 */
export async function performCopy(
  at: StagePoint,
  instruction: StepInstruction,
  { value: it, used }: { readonly value: TransferFields; readonly used: readonly string[] },
  place: Place,
  perform: (step: FileStep) => Promise<Finished>,
): Promise<Finished> {
  modeOf(it.chmod, place); // before anything is read
  const { services, state, variables } = at;
  const { signal, sourceDateEpoch } = services;
  const from = it.name === "COPY" ? it.from : undefined;
  const source = from === undefined ? { ...services.context, close: () => {} } : await openFrom(at, from, place);
  try {
    const shownBefore = from === undefined ? "" : `--from=${from} `;
    const { remote } = services;
    const collected = await collectFiles(it, source, { shownBefore, remote, place, signal });
    const workdir = state.config.WorkingDir ?? "/";
    const owner = it.chown === undefined ? undefined : ownerIn(at, it.chown, place);
    const files = it.files.map(({ path, content }) => [path, content]);
    // What lies below may give a name another number: the number is what the layer has.
    const chown = it.link && owner !== undefined ? [owner.uid, owner.gid] : (it.chown ?? "");
    const parents = it.name === "COPY" && it.parents;
    const isRelative = !("destination" in instruction && instruction.destination.text.startsWith("/"));
    return await perform({
      operation: [
        it.name,
        parents ? [...it.sources] : it.sources.map((one) => plainSource(withoutPassword(one))),
        files,
        [absolutePath(workdir, it.destination), namesDirectory(it.destination)],
        chown,
        it.chmod ?? "",
        [...collected.operation],
        sourceDateEpoch ?? null,
        // As they were written before these flags were there, so that older records still count.
        ...(it.link || parents || it.exclude.length > 0 ? [[it.link, parents, [...it.exclude]]] : []),
      ],
      inputs: collected.inputs,
      ingredients: [
        ...usedVariables(variables, used),
        ...settingsOf(state, isRelative ? ["WORKDIR"] : []),
        ...timeOption(sourceDateEpoch),
      ],
      readsAll: false,
      linked: it.link,
      history: historyText(it, instruction.source),
      make: async (draft) => {
        using view = it.link ? Tree.open(draft.upper) : services.workspace.openDraft(draft);
        const time = BigInt(sourceDateEpoch ?? 0) * 1_000_000_000n;
        await copyFiles(it, collected, { view, workdir, owner, time, place, signal });
      },
    });
  } finally {
    source.close();
  }
}
