import { checkImagePlatform } from "./from-checks.ts";
import { isImageName } from "./image-name.ts";
import { type StageState, triggersOf } from "./stage-state.ts";
import { CheckStop, type Subject } from "./subject.ts";

/** The stage that a name or a number means. */
export type FindStage = (reference: string) => StageState | undefined;

/** Which stages need which, and which are to be looked at. A stage that needs itself stops the check. */
export function connect(subject: Subject, states: readonly StageState[], find: FindStage): StageState[] {
  for (const state of states) state.triggers = triggersOf(state, subject);
  const needs = new Map(states.map((state) => [state, copiedFrom(state, find)]));
  refuseCycles(states, needs);
  const { target } = subject.input;
  const wanted = target === undefined ? new Set(states) : reachable(find(target), target, needs);
  const looked = states.filter((state) => wanted.has(state));
  for (const state of looked) {
    if (state.base !== undefined || state.baseName === "scratch") continue;
    if (!isImageName(state.baseName)) {
      const message = `failed to parse stage name ${JSON.stringify(state.baseName)}: invalid reference format`;
      throw new CheckStop(message, state.stage.from.range);
    }
    checkImagePlatform(state, subject);
  }
  return looked;
}

function copiedFrom(state: StageState, find: FindStage): StageState[] {
  const found: StageState[] = [];
  for (const it of [...state.triggers, ...state.stage.instructions]) {
    const names = it.name === "COPY" ? [it.from] : it.name === "RUN" ? it.mounts.map(mountFrom) : [];
    for (const name of names) {
      const needed = name === undefined ? undefined : find(name);
      if (needed !== undefined) found.push(needed);
      else if (it.name === "COPY" && name !== undefined && /^\d+$/.test(name))
        throw new CheckStop(`invalid stage index ${name}`, it.range);
    }
  }
  return found;
}

/** The stage or image of `--mount=…,from=…`, which takes no variables and so needs no expansion. */
export const mountFrom = (mount: { readonly text: string }): string | undefined =>
  /(?:^|,)from=([^,]+)/i.exec(mount.text)?.[1];

// Stages that need nothing are taken away until only cycles are left.
function refuseCycles(states: readonly StageState[], needs: ReadonlyMap<StageState, readonly StageState[]>): void {
  const open = new Map(states.map((state) => [state, new Set(needs.get(state)).size]));
  const neededBy = new Map<StageState, StageState[]>(states.map((state) => [state, []]));
  for (const [state, list] of needs) for (const needed of new Set(list)) neededBy.get(needed)!.push(state);
  const free = states.filter((state) => open.get(state) === 0);
  for (const state of free) {
    for (const one of neededBy.get(state)!) {
      open.set(one, open.get(one)! - 1);
      if (open.get(one) === 0) free.push(one);
    }
  }
  const stuck = states.find((state) => open.get(state)! > 0)?.stage;
  if (stuck === undefined) return;
  const name = stuck.name ?? `stage-${stuck.index}`;
  throw new CheckStop(`circular dependency detected on stage: ${name}`, stuck.from.range);
}

function reachable(
  target: StageState | undefined,
  name: string,
  needs: ReadonlyMap<StageState, readonly StageState[]>,
): Set<StageState> {
  if (target === undefined) throw new CheckStop(`target stage ${JSON.stringify(name)} could not be found`, undefined);
  const found = new Set([target]);
  for (const state of found)
    for (const next of [state.base, ...(needs.get(state) ?? [])]) if (next !== undefined) found.add(next);
  return found;
}
