import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { isBuilderError } from "@ctr/builder";
import {
  DockerfileError,
  expandWord,
  ignoreFiles,
  parse,
  parseIgnore,
  renderError,
  scopes,
  stages,
} from "@ctr/dockerfile";
import { type BaseImage, check, renderCheck, renderCheckError } from "@ctr/dockerfile/check";
import type { BuildOptions, Engine } from "@ctr/engine";
import type { Command } from "commander";
import { showBuild } from "../build-output.ts";
import { Failure, harmless } from "../failure.ts";
import { withEngine } from "../session.ts";
import { showSize } from "../size.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface Flags {
  readonly tag?: string[];
  readonly file?: string;
  readonly target?: string;
  readonly buildArg?: string[];
  readonly label?: string[];
  readonly cache: boolean;
  readonly network?: string;
  readonly quiet?: boolean;
  readonly progress: string;
  readonly iidfile?: string;
  readonly check?: boolean;
}

export function register(program: Command): void {
  program
    .command("build <context>")
    .summary("build an image from a Dockerfile")
    .option("-t, --tag <name>", "name of the image", collect)
    .option("-f, --file <path>", "the Dockerfile; CONTEXT/Dockerfile by default")
    .option("--target <stage>", "build this stage")
    .option("--build-arg <name=value>", "value of an ARG; a bare NAME takes its value from here", collect)
    .option("--label <name=value>", "set a label", collect)
    .option("--no-cache", "run every step")
    .option("--network <mode>", "network of RUN: default, none or host")
    .option("-q, --quiet", "print only the id of the image")
    .option("--progress <kind>", "auto, plain or quiet; auto is plain", "auto")
    .option("--iidfile <file>", "write the id of the image to a file")
    .option("--check", "say what could be better in the Dockerfile, and build nothing")
    .action((context: string, flags: Flags, command: Command) =>
      withEngine(command, (engine) => (flags.check ? checkFile : build)(engine, context, flags)),
    );
  program
    .command("builder")
    .summary("more about builds")
    .command("prune")
    .summary("forget what builds did, and remove the layers that only they keep")
    .action((_flags: object, command: Command) =>
      withEngine(command, async (engine) => {
        const { reclaimed } = await engine.pruneBuildCache();
        process.stdout.write(`Total reclaimed space: ${showSize(reclaimed)}\n`);
      }),
    );
}

async function build(engine: Engine, context: string, flags: Flags): Promise<void> {
  const options = optionsOf(context, flags);
  await engine.housekeeping();
  if (!["auto", "plain", "quiet"].includes(flags.progress))
    throw new Failure(`--progress ${flags.progress}: auto, plain and quiet are there`, 1);
  const quiet = (flags.quiet ?? false) || flags.progress === "quiet";
  const cancel = new AbortController();
  const stop = (): void => cancel.abort(new Failure("canceled", 1));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const id = await showBuild(engine.build({ ...options, signal: cancel.signal }), { quiet });
    if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, id);
    if (quiet) process.stdout.write(`${id}\n`);
  } catch (error) {
    throw explained(error, options);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await engine.housekeeping({ network: true });
  }
}

/** What `docker build --check` does: findings to standard output, exit status 1 when there are any. */
async function checkFile(engine: Engine, context: string, flags: Flags): Promise<void> {
  const {
    context: directory,
    dockerfile = join(directory, "Dockerfile"),
    target,
    args = {},
  } = optionsOf(context, flags);
  if (!existsSync(dockerfile)) throw new Failure(`failed to read dockerfile: open ${dockerfile}: no such file`, 1);
  const file = parse(readText(dockerfile), { file: flags.file ?? "Dockerfile" });
  const ignore = ignoreFiles(dockerfile)
    .map((path) => resolve(directory, path))
    .find(existsSync);
  const images = await baseImages(engine, file, args);
  const { BUILDKIT_DOCKERFILE_CHECK: options } = args;
  const report = check(file, {
    args,
    ...(target === undefined ? {} : { target }),
    ...(options === undefined ? {} : { options }),
    ...(ignore === undefined ? {} : { ignore: parseIgnore(readText(ignore)) }),
    baseImage: (name) => images.get(name),
  });
  process.stdout.write(renderCheck(report, file));
  const error = renderCheckError(report, file);
  if (error !== undefined) throw new Failure(error, 1);
  if (report.warnings.length > 0) process.exitCode = 1;
}

/** What the images that are here already set; of those that are not nothing is known. */
async function baseImages(
  engine: Engine,
  file: ReturnType<typeof parse>,
  args: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, BaseImage>> {
  const variables = scopes(file, { args });
  const names = stages(file).stages.map(({ from }) => {
    try {
      return expandWord(from.base, variables.lookup(from), from).value;
    } catch {
      return ""; // the check itself will say it
    }
  });
  const found = await Promise.all(
    [...new Set(names)].map(async (name): Promise<[string, BaseImage] | undefined> => {
      const document = await engine.images.inspect(name).catch(() => undefined);
      const config = document?.Config as { Env?: string[]; Shell?: string[] } | undefined;
      if (config === undefined) return undefined;
      const env = (config.Env ?? []).map((line) => [
        line.slice(0, line.indexOf("=")),
        line.slice(line.indexOf("=") + 1),
      ]);
      return [name, { env: Object.fromEntries(env), hasShell: (config.Shell ?? []).length > 0 }];
    }),
  );
  return new Map(found.filter((one) => one !== undefined));
}

function optionsOf(context: string, flags: Flags): BuildOptions {
  const directory = resolve(context);
  if (!existsSync(directory))
    throw new Failure(`unable to prepare context: path ${JSON.stringify(context)} not found`, 1);
  const network = flags.network ?? "default";
  if (network !== "default" && network !== "none" && network !== "host")
    throw new Failure(`--network ${network}: default, none and host are there`, 1);
  const pairs = (list: readonly string[] | undefined): Record<string, string> =>
    Object.fromEntries(
      (list ?? []).flatMap((text) => {
        const equals = text.indexOf("=");
        if (equals > 0) return [[text.slice(0, equals), text.slice(equals + 1)]];
        const value = process.env[text];
        return value === undefined ? [] : [[text, value]];
      }),
    );
  return {
    context: directory,
    ...(flags.file === undefined ? {} : { dockerfile: resolve(flags.file) }),
    tags: flags.tag ?? [],
    ...(flags.target === undefined ? {} : { target: flags.target }),
    args: pairs(flags.buildArg),
    labels: pairs(flags.label),
    noCache: !flags.cache,
    network,
  };
}

/** With the line of the Dockerfile and a caret under the place, when the error names one. */
function explained(error: unknown, options: BuildOptions): unknown {
  const file = options.dockerfile ?? "Dockerfile";
  const path = isAbsolute(file) ? file : join(options.context, file);
  if (error instanceof DockerfileError) return new Failure(renderError(error, readText(path)), 1);
  if (!isBuilderError(error)) return error;
  if (error.line === undefined) return new Failure(error.message, 1);
  const line = readText(path).split("\n")[error.line - 1] ?? "";
  const caret = `${line.slice(0, (error.column ?? 1) - 1).replace(/[^\t]/g, " ")}^`;
  return new Failure(
    `${harmless(error.file ?? file)}:${error.line}:${error.column}: ${error.message}\n  ${harmless(line)}\n  ${caret}`,
    1,
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
