import { existsSync, readFileSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, isAbsolute } from "node:path";
import { createIgnoreMatcher, type IgnoreMatcher, parseIgnore } from "@ctr/dockerfile";
import { BuilderError } from "../builder-error.ts";
import { withoutPassword } from "../git-reference.ts";
import type { BuildOptions } from "./build-options.ts";
import { type ContextOpener, isAddress, type OpenedTree } from "./context-opener.ts";
import type { CopySource } from "./copy-source.ts";
import type { Tree } from "./tree.ts";

const maxDockerfileBytes = 8 << 20;
const maxIgnoreBytes = 1 << 20;

/** What a build begins with. */
export interface OpenedContext {
  readonly source: CopySource;
  /** Of the Dockerfile. */
  readonly name: string;
  readonly text: string;
  /** The same for two builds of one file. */
  readonly project: string;
}

/** @throws {BuilderError} `ERR_BUILDER_CONTEXT`, `ERR_BUILDER_DOWNLOAD`; {DockerfileError} for a malformed .dockerignore */
export async function openContext(o: BuildOptions, opener: ContextOpener): Promise<OpenedContext> {
  const { source, hidden, text: alone } = await opener.open(o.context);
  const { tree } = source;
  const name = o.dockerfile ?? "Dockerfile";
  const file = o.text ?? alone;
  const read = file === undefined ? await readDockerfile(tree, name) : { name, text: file };
  return {
    source: { ...source, ignore: ignoreMatcher(ignoreFor(tree, name), hidden) },
    name: isAbsolute(read.name) ? basename(read.name) : read.name,
    text: read.text,
    project: JSON.stringify([projectOf(o.context), name]),
  };
}

function projectOf(context: BuildOptions["context"]): string {
  if (typeof context !== "string") return "-";
  return isAddress(context) ? withoutPassword(context) : realpathSync(context);
}

// One that the caller names by an absolute path is the caller's; one of the context stays in it, links and all.
async function readDockerfile(tree: Tree, name: string): Promise<{ readonly name: string; readonly text: string }> {
  let cause: unknown;
  try {
    if (isAbsolute(name)) return { name, text: await readFile(name, "utf8") };
    // As Docker has it: the other spelling where the usual one is missing.
    for (const one of name === "Dockerfile" ? [name, "dockerfile"] : [name]) {
      const text = tree.text(one, maxDockerfileBytes);
      if (text !== undefined) return { name: one, text };
    }
  } catch (error) {
    cause = error;
  }
  const why = cause === undefined ? "no such file in the context" : (cause as Error).message;
  const message = `failed to read dockerfile: open ${name}: ${why}`;
  throw new BuilderError({ code: "ERR_BUILDER_CONTEXT", message, cause });
}

/** The files of a context that has a name, without what its own ignore file leaves out. */
export function namedSource({ source, hidden }: OpenedTree): CopySource {
  return { ...source, ignore: ignoreMatcher(contextIgnore(source.tree), hidden) };
}

interface IgnoreFile {
  readonly name: string;
  readonly text: string;
}

function ignoreMatcher({ name, text }: IgnoreFile, hidden: readonly string[]): IgnoreMatcher {
  return createIgnoreMatcher([...parseIgnore(text), ...hidden], name);
}

/** `<Dockerfile>.dockerignore`, beside the Dockerfile, wins over the context's own. */
function ignoreFor(tree: Tree, dockerfile: string): IgnoreFile {
  const name = `${dockerfile}.dockerignore`;
  if (!isAbsolute(name)) return ignoreIn(tree, name) ?? contextIgnore(tree);
  return existsSync(name) ? { name: basename(name), text: readFileSync(name, "utf8") } : contextIgnore(tree);
}

const contextIgnore = (tree: Tree): IgnoreFile =>
  ignoreIn(tree, ".dockerignore") ?? { name: ".dockerignore", text: "" };

function ignoreIn(tree: Tree, name: string): IgnoreFile | undefined {
  const text = tree.text(name, maxIgnoreBytes);
  return text === undefined ? undefined : { name, text };
}
