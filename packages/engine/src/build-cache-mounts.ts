import type { CacheMountPlace } from "@ctr/builder";
import { endOrphans } from "./build-orphans.ts";
import type { Context } from "./context.ts";

/** Where the cache mounts of this engine's builds are, for the functions of the builder about them. */
export function cacheMountPlace(context: Context): CacheMountPlace {
  return { store: context.store, database: context.database, endOrphans: () => endOrphans(context) };
}
