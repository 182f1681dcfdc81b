import { type BigIntStats, lstatSync } from "node:fs";
import { encodeName } from "@ctr/plan";

/**
 * What a layer below has at `path`, links not followed; undefined for nothing. Layers below are complete
 * and change no more, so a path of theirs may be asked about by its string, part by part.
 */
export function statBelow(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path.isWellFormed() ? path : Buffer.from(encodeName(path)), {
      bigint: true,
      throwIfNoEntry: false,
    });
  } catch {
    return undefined; // longer than any path there can be
  }
}
