import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
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
import { addContextFlags, type BuildInput, type ContextFlags, openBuildInput } from "../build-context.ts";
import { showDifferences } from "../build-differences.ts";
import { openDisplay } from "../build-display.ts";
import { failureShell } from "../build-failure-shell.ts";
import { addBuildFlags, type BuildFlags, isStored, surroundingsOf } from "../build-flags.ts";
import { addGrantFlags, type GrantFlags, grantsOf } from "../build-grants.ts";
import { metadataOf } from "../build-metadata.ts";
import { showBuild } from "../build-output.ts";
import { writeOutputs } from "../build-outputs.ts";
import { WhyReport } from "../build-why.ts";
import { Failure, harmless, reasonOf } from "../failure.ts";
import { withEngine } from "../session.ts";
import { registerBuilder } from "./builder.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface Flags extends BuildFlags, ContextFlags, GrantFlags {
  readonly tag?: string[];
  readonly target?: string;
  readonly buildArg?: string[];
  readonly label?: string[];
  readonly cache: boolean;
  readonly network?: string;
  readonly quiet?: boolean;
  readonly progress: string;
  readonly iidfile?: string;
  readonly metadataFile?: string;
  readonly why?: boolean;
  readonly onFailure?: string;
  readonly check?: boolean;
}

export function register(program: Command): void {
  addGrantFlags(addBuildFlags(addContextFlags(program.command("build <context>"))))
    .summary("build an image from a Dockerfile")
    .option("-t, --tag <name>", "name of the image", collect)
    .option("--target <stage>", "build this stage")
    .option("--build-arg <name=value>", "value of an ARG; a bare NAME takes its value from here", collect)
    .option("--label <name=value>", "set a label", collect)
    .option("--no-cache", "run every step")
    .option("--network <mode>", "network of RUN: default, none or host")
    .option("-q, --quiet", "print only the id of the image")
    .option("--progress <kind>", "auto, plain, tty, rawjson or quiet", process.env.BUILDKIT_PROGRESS ?? "auto")
    .option("--iidfile <file>", "write the id of the image to a file")
    .option("--metadata-file <file>", "write digests and names to a file, as JSON")
    .option("--on-failure <what>", "shell: step into the container of a command that failed")
    .option("--why", "say of each step why it ran, and what would make it run less often")
    .option("--check", "say what could be better in the Dockerfile, and build nothing")
    .action((context: string, flags: Flags, command: Command) =>
      withEngine(command, (engine) => (flags.check ? checkFile : build)(engine, context, flags)),
    );
  registerBuilder(program);
}

async function build(engine: Engine, context: string, flags: Flags): Promise<void> {
  const { outputs, ...surroundings } = surroundingsOf(flags);
  using input = await openBuildInput(context, flags);
  const given = optionsOf(input, flags);
  const tags = [...(given.tags ?? []), ...outputs.filter(isStored).flatMap(({ names }) => names)];
  const options = { ...given, ...surroundings, ...grantsOf(flags), tags };
  const display = openDisplay(flags.quiet ? "quiet" : flags.progress, process.stderr);
  const why = new WhyReport();
  await engine.housekeeping();
  const cancel = new AbortController();
  const stop = (): void => cancel.abort(new Failure("canceled", 1));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let [isDone, hasRun] = [false, false];
  try {
    const { signal } = cancel;
    const all = { ...options, ...failureShell(flags.onFailure, display), signal };
    const events = flags.verify ? engine.verifyBuild(all) : engine.build(all);
    const built = await showBuild(events, display, (event) => {
      why.read(event);
      hasRun ||= event.type === "stepFinished" && event.outcome.decision === "ran";
    });
    isDone = true;
    await writeOutputs(engine, built, { outputs, tags: given.tags ?? [], signal });
    if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, built.id);
    if (flags.metadataFile !== undefined) writeFileSync(flags.metadataFile, metadataOf(built));
    if (flags.quiet || flags.progress === "quiet") process.stdout.write(`${built.id}\n`);
    if (flags.why) process.stdout.write(why.text());
    if (built.differences !== undefined && built.differences.length > 0) {
      process.stdout.write(showDifferences(built.differences));
      process.exitCode = 1;
    }
  } catch (error) {
    throw explained(error, input);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    // Of a build that ran nothing, no network is left.
    if (hasRun || flags.verify || !isDone) await engine.housekeeping({ network: true });
  }
}

/** What `docker build --check` does: findings to standard output, exit status 1 when there are any. */
async function checkFile(engine: Engine, context: string, flags: Flags): Promise<void> {
  using input = await openBuildInput(context, flags);
  const { target, args = {} } = optionsOf(input, flags);
  const { text, ignore } = fileToCheck(input);
  const name = flags.file === undefined || flags.file === "-" ? "Dockerfile" : flags.file;
  const file = parse(text, { file: name });
  const images = await baseImages(engine, file, args);
  const { BUILDKIT_DOCKERFILE_CHECK: options } = args;
  const report = check(file, {
    args,
    platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
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

/** The Dockerfile, and where its ignore file is. Of contexts elsewhere only what was given with them is checked. */
function fileToCheck({ options }: BuildInput): { readonly text: string; readonly ignore: string | undefined } {
  const { context, dockerfile = "Dockerfile", text } = options;
  if (typeof context !== "string" || !existsSync(context)) {
    if (text !== undefined) return { text, ignore: undefined };
    throw new Failure("--check needs a context that is a directory, or the Dockerfile alone: --check -f - CONTEXT", 1);
  }
  const path = resolve(context, dockerfile);
  const ignore = ignoreFiles(path)
    .map((one) => resolve(context, one))
    .find(existsSync);
  if (text !== undefined) return { text, ignore };
  if (!existsSync(path)) throw new Failure(`failed to read dockerfile: open ${path}: no such file`, 1);
  return { text: readText(path), ignore };
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
      const platform = `${document?.Os}/${document?.Architecture}`;
      return [name, { platform, env: Object.fromEntries(env), hasShell: (config.Shell ?? []).length > 0 }];
    }),
  );
  return new Map(found.filter((one) => one !== undefined));
}

function optionsOf(input: BuildInput, flags: Flags): BuildOptions {
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
    ...input.options,
    tags: flags.tag ?? [],
    ...(flags.target === undefined ? {} : { target: flags.target }),
    args: pairs(flags.buildArg),
    labels: pairs(flags.label),
    noCache: !flags.cache,
    network,
  };
}

/** With the line of the Dockerfile and a caret under the place, when the error names one. */
function explained(error: unknown, { text, name, options }: BuildInput): unknown {
  const file = options.dockerfile ?? "Dockerfile";
  if (error instanceof DockerfileError) return new Failure(renderError(error, text), 1);
  if (!isBuilderError(error)) return error;
  if (error.line === undefined) return new Failure(reasonOf(error), 1);
  const where = `${harmless(error.file ?? file)}:${error.line}:${error.column}: ${reasonOf(error)}`;
  if (error.file !== name) return new Failure(where, 1); // a trigger of the base image, say
  const line = text.split("\n")[error.line - 1] ?? "";
  const caret = `${line.slice(0, (error.column ?? 1) - 1).replace(/[^\t]/g, " ")}^`;
  return new Failure(`${where}\n  ${harmless(line)}\n  ${caret}`, 1);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
