import type { Removal } from "@ctr/image-store";
import { type Context, isAlive } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { type Filters, labelMatcher } from "./image-filters.ts";
import { pruneImages } from "./image-prune.ts";
import { refresh } from "./refresh.ts";
import { measureContainer } from "./system-usage.ts";
import { claimAndTakeDown } from "./take-down.ts";
import { parseTimestamp } from "./time-stamp.ts";

export interface PruneRequest {
  /** Also images with a tag that no container was made from. */
  readonly all?: boolean;
  /** `until=`, `label=`, `label!=`. The build cache knows neither and is spared when there is one. */
  readonly filters?: Filters;
}

/** What went away. */
export interface Pruned {
  /** Ids of containers. */
  readonly containers: readonly string[];
  readonly images: Removal;
  readonly cache: Removal;
  /** Bytes on disk. */
  readonly reclaimed: number;
}

/**
 * Remove what nothing uses: containers that do not run, images without a tag, and what builds keep.
 *
 * @throws {EngineError} `ERR_ENGINE_OPTION` for what is no filter
 */
export async function pruneSystem(context: Context, o: PruneRequest = {}): Promise<Pruned> {
  const filters = o.filters ?? [];
  const containers = await pruneContainers(context, filters);
  const images = await pruneImages(context, { all: o.all ?? false, filters });
  const cache = filters.length > 0 ? nothing : await pruneCache(context);
  return {
    containers: containers.removed,
    images,
    cache,
    reclaimed: containers.reclaimed + images.reclaimed + cache.reclaimed,
  };
}

const nothing: Removal = { untagged: [], deleted: [], reclaimed: 0 };

async function pruneCache({ store, database }: Context): Promise<Removal> {
  const { pruneBuildCache } = await import("@ctr/builder");
  return pruneBuildCache({ store, database });
}

/** Remove containers that do not run. One that somebody else is starting or removing just now is left to them. */
async function pruneContainers(
  context: Context,
  filters: Filters,
): Promise<{ readonly removed: readonly string[]; readonly reclaimed: number }> {
  const isMeant = conditionOf(filters);
  const removed: string[] = [];
  let reclaimed = 0;
  for (const record of context.table.all()) {
    const { state, createdAt, options, id, owner } = await refresh(context, record);
    if (state !== "created" && state !== "exited") continue;
    if (state === "created" && options.startsAtOnce && isAlive(owner)) continue; // `ctr run` is between two steps
    if (!isMeant({ created: Date.parse(createdAt), labels: options.labels ?? {} })) continue;
    const bytes = await measureContainer(context, id);
    if (!(await claimAndTakeDown(context, id))) continue;
    removed.push(id);
    reclaimed += bytes;
  }
  return { removed, reclaimed };
}

interface Facts {
  readonly created: number;
  readonly labels: Readonly<Record<string, string>>;
}

function conditionOf(filters: Filters): (container: Facts) => boolean {
  const conditions = filters.map((filter): ((container: Facts) => boolean) => {
    const [, name, value] = /^(until|label!?)=(.*)$/s.exec(filter) ?? [];
    if (name === "until") {
      const time = parseTimestamp(value!);
      return ({ created }) => created < time;
    }
    if (name === undefined)
      throw new EngineError(
        "ERR_ENGINE_OPTION",
        `invalid filter ${JSON.stringify(filter.slice(0, 100))}; there are: until, label, label!`,
        { exitCode: 1 },
      );
    const has = labelMatcher(value!);
    return ({ labels }) => has(labels) === (name === "label");
  });
  return (container) => conditions.every((holds) => holds(container));
}
