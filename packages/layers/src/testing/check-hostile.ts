import { deepStrictEqual } from "node:assert";
import type { Canary } from "./canary.ts";
import type { HostileArchive, Tree } from "./hostile-archive.ts";

export interface CheckOptions {
  readonly canary: Canary;
  /**
   * Unpack the layers into a place of their own. Rejects when it refuses them, else resolves with what is there
   * now: the tree of each layer, or what they show together when `expected` says that.
   */
  readonly take: () => Promise<readonly Tree[] | Tree>;
  /** Whether an error is a refusal in the taker's own words; a crash is none. */
  readonly isRefusal: (error: unknown) => boolean;
  /** In place of the row's trees. "safe": the archive means something else here (files, not a layer), so only that nothing got out counts. */
  readonly expected?: readonly Tree[] | Tree | "refused" | "safe";
}

/**
 * Let something take a hostile archive, and hold what comes of it against the archive's row.
 *
 * @throws {Error} that names the archive: the canary was touched, it was taken and must not be, it was refused
 *   and must not be, it became something else, or `isRefusal` does not know the error
 */
export async function checkHostileArchive(archive: HostileArchive, o: CheckOptions): Promise<"refused" | "taken"> {
  const { canary, take, isRefusal, expected = archive.expect } = o;
  let outcome: readonly Tree[] | Tree | undefined;
  let refusal: unknown;
  try {
    outcome = await take();
  } catch (error) {
    refusal = error;
  }
  try {
    canary.check();
    if (refusal !== undefined && !isRefusal(refusal)) throw refusal;
    if (expected === "safe") return refusal === undefined ? "taken" : "refused";
    if (expected === "refused" && refusal === undefined)
      throw new Error(`it was taken: ${JSON.stringify(outcome).slice(0, 1000)}`);
    if (expected !== "refused" && refusal !== undefined) throw refusal;
    if (outcome !== undefined) deepStrictEqual(outcome, expected);
  } catch (cause) {
    const { message, stack } = cause as Error;
    throw new Error(`${archive.name} (${archive.why}): ${refusal === cause ? stack : message}`, { cause });
  }
  return refusal === undefined ? "taken" : "refused";
}
