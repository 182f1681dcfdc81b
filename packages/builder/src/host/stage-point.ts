import { findStage } from "@ctr/dockerfile";
import type { Place } from "../builder-error.ts";
import type { Variables } from "../variables.ts";
import { layerDirectories } from "./base-image.ts";
import type { PlannedStage } from "./build-plan.ts";
import type { BuildServices } from "./build-services.ts";
import type { OpenedSource } from "./mount-source.ts";
import { chainOfState, type StageState } from "./stage-state.ts";
import { ownerOf } from "./user.ts";
import type { Owner } from "./write-entries.ts";

/** Where a stage stands when an instruction is done. */
export interface StagePoint {
  readonly services: BuildServices;
  readonly stage: PlannedStage;
  readonly state: StageState;
  readonly variables: Variables;
  /** Of the instruction in its stage, from 0. */
  readonly ordinal: number;
}

/** The number that the build's steps are shown with. */
export function stepNumber({ firstStep }: PlannedStage, ordinal: number): number {
  return firstStep + 1 + ordinal; // FROM is the first
}

/** Open what `--from` names: a context, a stage or an image. The caller closes it. */
export async function openFrom({ services, stage }: StagePoint, from: string, place: Place): Promise<OpenedSource> {
  const { store, workspace, images, contexts } = services;
  const platform = stage.asked;
  const named = await contexts.find(from, platform, place);
  if (named?.kind === "files") return { ...named.source, layers: undefined, close: () => {} };
  const earlier = named === undefined ? findStage(stage.earlier, from) : undefined;
  const chainId =
    earlier === undefined
      ? (named?.image ?? (await images.load(from, platform, place))).layers.at(-1)?.chainId
      : chainOfState(await services.stage(earlier.index));
  const lowers = layerDirectories(store, chainId);
  const tree = workspace.openLayers(lowers);
  const layers = { chainId, lowers };
  return { tree, ignore: undefined, keepsOwners: true, layers, close: () => tree[Symbol.dispose]() };
}

/** Who `--chown` or USER means, by the names that the stage's files have. */
export function ownerIn({ services, state }: StagePoint, user: string, place: Place): Owner {
  const { store, workspace } = services;
  using tree = workspace.openLayers(layerDirectories(store, chainOfState(state)));
  return ownerOf(user, tree, place);
}
