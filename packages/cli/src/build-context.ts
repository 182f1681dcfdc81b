import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, relative, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { isAddress } from "@ctr/builder";
import type { BuildOptions } from "@ctr/engine";
import type { Command } from "commander";
import { Failure } from "./failure.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];
const maxDockerfileBytes = 8 << 20;

export interface ContextFlags {
  readonly file?: string;
  readonly buildContext?: string[];
}

export function addContextFlags(command: Command): Command {
  return command
    .option("-f, --file <path>", "the Dockerfile, or - for standard input; CONTEXT/Dockerfile by default")
    .option(
      "--build-context <name=where>",
      "one more context: a directory, an address, docker-image://… or oci-layout://…",
      collect,
    );
}

/** What a build reads, as the command line says. */
export class BuildInput implements Disposable {
  readonly options: Pick<BuildOptions, "context" | "contexts" | "dockerfile" | "text" | "onDockerfile">;
  readonly #directory: string | undefined;
  #text: string | undefined;
  #name: string | undefined;

  /** @param directory  Goes in the end. */
  constructor(options: Omit<BuildInput["options"], "onDockerfile">, directory?: string) {
    this.#directory = directory;
    this.options = {
      ...options,
      onDockerfile: ({ name, text }) => {
        this.#name = name;
        this.#text = text;
      },
    };
  }

  /** The Dockerfile, as far as it was read. */
  get text(): string {
    return this.#text ?? this.options.text ?? "";
  }

  /** What errors call it. */
  get name(): string | undefined {
    return this.#name;
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}

/**
 * A directory, `-` for what comes on standard input, or an address.
 *
 * @throws {Failure} with docker's words
 */
export async function openBuildInput(context: string, flags: ContextFlags): Promise<BuildInput> {
  const { file } = flags;
  if (context === "-" && file === "-")
    throw new Failure("invalid argument: can't use stdin for both build context and dockerfile", 1);
  const contexts = Object.fromEntries((flags.buildContext ?? []).map(namedContext));
  if (context === "-") {
    const spool = await spoolInput();
    const archive = (): AsyncIterable<Uint8Array> => createReadStream(spool.file);
    return new BuildInput({ context: { archive }, contexts, ...dockerfile(file) }, spool.directory);
  }
  const directory = resolve(context);
  const isHere = existsSync(directory);
  if (!isHere && !isAddress(context))
    throw new Failure(`unable to prepare context: path ${JSON.stringify(context)} not found`, 1);
  const where = isHere ? directory : context;
  if (file === "-") return new BuildInput({ context: where, contexts, text: await readInput() });
  return new BuildInput({ context: where, contexts, ...dockerfile(isHere ? placeOf(file, directory) : file) });
}

const dockerfile = (path: string | undefined): { readonly dockerfile?: string } =>
  path === undefined ? {} : { dockerfile: path };

/** One of the context is read in it, links and all; one from elsewhere is the caller's own. */
function placeOf(file: string | undefined, directory: string): string | undefined {
  if (file === undefined) return undefined;
  const path = existsSync(resolve(file)) ? resolve(file) : resolve(directory, file);
  const inside = relative(directory, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
}

function namedContext(text: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
  if (equals <= 0 || value === "") throw new Failure(`invalid context value: ${text}, expected k=v`, 1);
  if (!/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/.test(name)) throw new Failure(`invalid context name ${name}`, 1);
  const layout = "oci-layout://";
  if (value.startsWith(layout)) return [name, layout + resolve(value.slice(layout.length))];
  if (value.startsWith("docker-image://")) return [name, value];
  const status = statSync(value, { throwIfNoEntry: false });
  if (status === undefined && isAddress(value)) return [name, value];
  const why = status === undefined ? `stat ${value}: no such file or directory` : "not a directory";
  if (!status?.isDirectory()) throw new Failure(`failed to get build context ${name}: ${why}`, 1);
  return [name, resolve(value)];
}

/** Standard input, in a file: a build may have to read it twice. */
async function spoolInput(): Promise<{ readonly directory: string; readonly file: string }> {
  const directory = mkdtempSync(join(tmpdir(), "ctr-context-"));
  const file = join(directory, "context");
  try {
    await pipeline(process.stdin, createWriteStream(file, { mode: 0o600 }));
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  return { directory, file };
}

async function readInput(): Promise<string> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    read.push(chunk);
    length += chunk.length;
    if (length > maxDockerfileBytes)
      throw new Failure(`the Dockerfile on standard input has more than ${maxDockerfileBytes} bytes`, 1);
  }
  return Buffer.concat(read).toString("utf8");
}
