import { joinPath } from "./container-path.ts";

/** Something that COPY or ADD found, in the order of its sources. */
export interface CopyItem {
  /** The last part of the path as it was written or matched. */
  readonly name: string;
  /** A directory gives its contents, not itself. */
  readonly isDirectory: boolean;
}

export interface CopyDestination {
  /** Absolute, clean. */
  readonly path: string;
  /** Written with a slash at its end, or as a dot. */
  readonly namesDirectory: boolean;
  /** What is there now, links followed. */
  readonly exists: "directory" | "other" | undefined;
}

/**
 * Where each item goes. A directory's contents go into the destination; a file goes into a destination that is a
 * directory, and else becomes it.
 *
 * @param sources  How many operands named them.
 * @returns The targets, or what is wrong in Docker's words.
 * @see https://docs.docker.com/reference/dockerfile/#destination
 */
export function copyTargets(
  items: readonly CopyItem[],
  destination: CopyDestination,
  instruction: "COPY" | "ADD",
  sources: number = items.length,
): readonly string[] | { readonly wrong: string } {
  const { path, exists } = destination;
  if (exists === "other" && destination.namesDirectory)
    return { wrong: `cannot copy to non-directory: ${path} is a file` };
  const intoDirectory = destination.namesDirectory || exists === "directory";
  // The contents of several directories that one pattern matches can become one directory.
  const needsDirectory = sources > 1 || (items.length > 1 && items.some(({ isDirectory }) => !isDirectory));
  if (needsDirectory && !intoDirectory)
    return {
      wrong: `When using ${instruction} with more than one source file, the destination must be a directory and end with a /`,
    };
  if (exists === "other" && items.some((item) => item.isDirectory))
    return { wrong: `cannot copy to non-directory: ${path} is a file` };
  return items.map((item) => (item.isDirectory || !intoDirectory ? path : joinPath(path, item.name)));
}
