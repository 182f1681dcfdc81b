import { deepStrictEqual } from "node:assert";
import type { Canary } from "./canary.ts";
import type { HostileArchive, Tree } from "./hostile-archive.ts";

/**
 * Let something take a hostile archive, and hold what comes of it against the archive's row.
 *
 * @param take  Unpacks the layers into a place of its own. Rejects when it refuses them; else resolves with what
 *   is there now, compared with `expected`, or with nothing where that would be another thing: then only the
 *   canary is asked, and that what must be refused was.
 * @param o.expected  In place of the trees of the row: what an overlay mount shows, for example.
 * @throws {Error} that names the archive: the canary was touched, it was taken and must not be, it was refused
 *   and must not be, it became something else, or `isRefusal` does not know the error
 */
export async function checkHostileArchive(
  archive: HostileArchive,
  o: {
    readonly canary: Canary;
    readonly take: () => Promise<readonly Tree[] | Tree | undefined>;
    /** Whether an error is a refusal in the taker's own words; a crash is none. */
    readonly isRefusal: (error: unknown) => boolean;
    readonly expected?: readonly Tree[] | Tree;
  },
): Promise<"refused" | "taken"> {
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
    if (archive.expect === "refused" && refusal === undefined)
      throw new Error(`it was taken: ${JSON.stringify(outcome)}`);
    if (archive.expect !== "refused" && refusal !== undefined) throw refusal;
    if (outcome !== undefined) deepStrictEqual(outcome, expected);
  } catch (cause) {
    throw new Error(`${archive.name} (${archive.why}): ${(cause as Error).message}`, { cause });
  }
  return refusal === undefined ? "taken" : "refused";
}
