import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { plainBase, type Story, type StoryFile, storyTime } from "./story.ts";

export const exampleDirectory: string = join(import.meta.dirname, "../../../../examples/dockerfiles");

export const exampleNames: readonly string[] = readdirSync(exampleDirectory, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The real files of examples/dockerfiles. */
export const exampleStories: readonly Story[] = exampleNames.map((name) => ({
  name,
  files: filesOf(join(exampleDirectory, name)),
  args: {},
  base: plainBase,
  options: {},
}));

function filesOf(directory: string): Record<string, StoryFile> {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
  return Object.fromEntries(
    paths.sort().map((path) => {
      const text = readFileSync(path, "latin1"); // one of them is an archive
      const mode = (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755; // the rest is whatever umask git met
      return [relative(directory, path), { text, mode, time: storyTime }];
    }),
  );
}
