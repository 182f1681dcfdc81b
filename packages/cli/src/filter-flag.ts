import { Failure } from "./failure.ts";

/** Collects what `--filter` is given, several times or once. @throws {Failure} with Docker's words */
export function collectFilters(text: string, all: readonly string[] = []): readonly string[] {
  if (!text.includes("="))
    throw new Failure(
      `invalid argument ${JSON.stringify(text)} for "-f, --filter" flag: bad format of filter (expected name=value)`,
      125,
    );
  return [...all, text];
}
