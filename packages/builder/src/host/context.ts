import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, isAbsolute } from "node:path";
import { createIgnoreMatcher, parseIgnore } from "@ctr/dockerfile";
import { BuilderError } from "../builder-error.ts";
import type { BuildOptions } from "./build-options.ts";
import type { CopySource } from "./copy-source.ts";
import { Tree } from "./tree.ts";

const maxDockerfileBytes = 8 << 20;
const maxIgnoreBytes = 1 << 20;

/** What a build begins with, read where it lies. */
export interface OpenedContext extends Disposable {
  readonly source: CopySource;
  /** Of the Dockerfile. */
  readonly name: string;
  readonly text: string;
  /** The same for two builds of one file. */
  readonly project: string;
}

/** @throws {BuilderError} `ERR_BUILDER_CONTEXT`; {DockerfileError} for a malformed .dockerignore */
export async function openContext(o: BuildOptions): Promise<OpenedContext> {
  const tree = Tree.open(o.context);
  try {
    const name = o.dockerfile ?? "Dockerfile";
    const text = o.text ?? (await readDockerfile(tree, name));
    const ignore = readIgnore(tree, name);
    return {
      source: { tree, ignore: createIgnoreMatcher(parseIgnore(ignore.text), ignore.name), keepsOwners: false },
      name: isAbsolute(name) ? basename(name) : name,
      text,
      project: JSON.stringify([realpathSync(o.context), name]),
      [Symbol.dispose]: () => tree[Symbol.dispose](),
    };
  } catch (error) {
    tree[Symbol.dispose]();
    throw error;
  }
}

// One that the caller names by an absolute path is the caller's; one of the context stays in it, links and all.
async function readDockerfile(tree: Tree, name: string): Promise<string> {
  let cause: unknown;
  try {
    const text = isAbsolute(name) ? await readFile(name, "utf8") : tree.text(name, maxDockerfileBytes);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  const why = cause === undefined ? "no such file in the context" : (cause as Error).message;
  const message = `failed to read dockerfile: open ${name}: ${why}`;
  throw new BuilderError({ code: "ERR_BUILDER_CONTEXT", message, cause });
}

/** `<Dockerfile>.dockerignore` wins over the context's own. */
function readIgnore(tree: Tree, dockerfile: string): { readonly name: string; readonly text: string } {
  const own = isAbsolute(dockerfile) ? [] : [`${dockerfile}.dockerignore`];
  for (const name of [...own, ".dockerignore"]) {
    const text = tree.text(name, maxIgnoreBytes);
    if (text !== undefined) return { name, text };
  }
  return { name: ".dockerignore", text: "" };
}
