import { readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { buildCacheUsage, pruneBuildCache } from "@ctr/builder";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";

//  <root>/builder.json   { "gc": { "enabled": true, "maxUsedSpace": "20GB" } }

/** Of the file system that the state directory is on. */
const usualShare = 0.1;

/**
 * Keep the build cache within its bound: what was used longest ago goes. What this build used stays, even when that
 * alone is more.
 *
 * @param started  When the build began, milliseconds since the epoch.
 * @throws {EngineError} `ERR_ENGINE_OPTION` for a `builder.json` that means nothing
 */
export async function collectBuildCache(context: Context, started: number): Promise<void> {
  const most = boundOf(context.root);
  if (most === undefined) return;
  const { store, database } = context;
  const entries = await buildCacheUsage({ store, database });
  if (entries.reduce((sum, { bytes, isShared }) => sum + (isShared ? 0 : bytes), 0) <= most) return;
  await pruneBuildCache({
    ...{ store, database },
    keepBytes: Math.max(most, 1),
    unusedFor: Date.now() - started + 1,
    onlyUnshared: true,
  });
}

/** Bytes; undefined when nothing is to be collected. */
function boundOf(root: string): number | undefined {
  const { enabled = true, maxUsedSpace = `${usualShare * 100}%` } = readSettings(join(root, "builder.json"));
  if (!enabled) return undefined;
  const { blocks, bsize } = statfsSync(root);
  return bytesOf(maxUsedSpace, blocks * bsize);
}

interface GcSettings {
  readonly enabled?: boolean;
  readonly maxUsedSpace?: string | number;
}

function readSettings(path: string): GcSettings {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    const { gc = {} } = JSON.parse(text) as { readonly gc?: GcSettings };
    return gc;
  } catch (cause) {
    throw new EngineError("ERR_ENGINE_OPTION", `${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

const units = ["b", "k", "m", "g", "t"];

function bytesOf(space: string | number, disk: number): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?(%|[bkmgt])?(?:i?b)?$/i.exec(String(space));
  if (match === null)
    throw new EngineError(
      "ERR_ENGINE_OPTION",
      `builder.json: maxUsedSpace ${JSON.stringify(space)} is no size: write 20GB, 10% or a number of bytes`,
    );
  const [, number, unit = "b"] = match;
  if (unit === "%") return (disk * Number(number)) / 100;
  return Number(number) * 2 ** (10 * units.indexOf(unit.toLowerCase()));
}
