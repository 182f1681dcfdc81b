import type { Place } from "../builder-error.ts";
import { contentName, copyContent, type MountContent } from "./mount-source.ts";
import { Tree } from "./tree.ts";
import type { Workspace } from "./workspace.ts";

/**
 * Copies of what mounts show of a directory of the host: without what is ignored, root's as in an image, and the same
 * for as long as the command runs. Several commands that mount the same share one, and none of them can change it.
 */
export class ContentCopies {
  readonly #workspace: Workspace;
  readonly #made: Map<string, Promise<string>> = new Map();

  constructor(workspace: Workspace) {
    this.#workspace = workspace;
  }

  /** A directory in which the copy is called `data`. Gone with the workspace. @throws {BuilderError} `ERR_BUILDER_CHANGED` */
  directory(
    content: MountContent,
    o: { readonly place: Place; readonly signal: AbortSignal | undefined },
  ): Promise<string> {
    const name = contentName(content);
    const copy = this.#made.get(name) ?? this.#copy(content, o);
    this.#made.set(name, copy);
    return copy;
  }

  async #copy(
    content: MountContent,
    o: { readonly place: Place; readonly signal: AbortSignal | undefined },
  ): Promise<string> {
    const directory = this.#workspace.draft([]).upper;
    using tree = Tree.open(directory);
    await copyContent(content, tree, "data", o);
    return directory;
  }
}
