import type { CheckOptions, ContainerLayer, Finding } from "./check.ts";
import type { Context } from "./context.ts";
import { hasDiff, linkProblem, repairLinks } from "./layer-links.ts";
import { findLayer, overlayParents } from "./layers.ts";

/** Check the writable layers of containers: what is in them is theirs, but they must be found. */
export async function* checkContainers(context: Context, o: CheckOptions): AsyncGenerator<Finding, void, undefined> {
  for (const { id, chainId } of containersNow(o).values()) {
    if (chainId === undefined) continue;
    const about = { about: "container", subject: id } as const;
    if (findLayer(context, chainId) === undefined) {
      if (isHere(o, id)) yield { ...about, problem: "the image that it was made from is missing; remove it" };
      continue;
    }
    if (!hasDiff(context, id)) {
      if (isHere(o, id)) yield { ...about, problem: "its writable layer is missing; remove it" };
      continue;
    }
    const parents = overlayParents(context, chainId);
    const problem = linkProblem(context, id, parents);
    if (problem === undefined || !isHere(o, id)) continue;
    if (o.repair) await repairLinks(context, id, parents);
    yield o.repair ? { ...about, problem, repaired: "written again" } : { ...about, problem };
  }
}

/** The containers there are, by id. */
export function containersNow(o: CheckOptions): ReadonlyMap<string, ContainerLayer> {
  return new Map((o.containers?.() ?? []).map((container) => [container.id, container]));
}

// Somebody may have removed it since the list was made.
const isHere = (o: CheckOptions, id: string): boolean => containersNow(o).has(id);
