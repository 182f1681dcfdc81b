import { Command, CommanderError } from "commander";
import { register as archive } from "./commands/archive.ts";
import { register as containers } from "./commands/containers.ts";
import { register as exec } from "./commands/exec.ts";
import { register as images } from "./commands/images.ts";
import { register as info } from "./commands/info.ts";
import { register as inspect } from "./commands/inspect.ts";
import { register as logs } from "./commands/logs.ts";
import { register as run } from "./commands/run.ts";
import { Failure, reasonOf } from "./failure.ts";

type Register = (program: Command) => void;

/** Only the one that was called is registered. What is small is in the first file: every further file takes a millisecond to find and open. */
const commands: Readonly<Record<string, Register>> = { run, exec, containers, logs, inspect, images, archive, info };

/** Large, and no other command needs what they load. */
const lazy: Readonly<Record<string, () => Promise<Register>>> = {
  build: async () => (await import("./commands/build.ts")).register,
  registry: async () => (await import("./commands/registry.ts")).register,
  commit: async () => (await import("./commands/commit.ts")).register,
  diff: async () => (await import("./commands/diff.ts")).register,
  export: async () => (await import("./commands/export.ts")).register,
  cp: async () => (await import("./commands/cp.ts")).register,
  system: async () => (await import("./commands/system.ts")).register,
};

const homeOf: Readonly<Record<string, string>> = {
  ...{
    run: "run",
    exec: "exec",
    logs: "logs",
    inspect: "inspect",
    info: "info",
    version: "info",
    build: "build",
    builder: "build",
  },
  ...{ pull: "registry", push: "registry", login: "registry", logout: "registry", registry: "registry" },
  ...{ commit: "commit", diff: "diff", export: "export", cp: "cp" },
  ...{ save: "archive", load: "archive", import: "archive" },
  ...{ images: "images", rmi: "images", tag: "images", image: "images", history: "images", system: "system" },
  ...Object.fromEntries(
    ["create", "start", "stop", "kill", "rm", "wait", "ps", "container"].map((name) => [name, "containers"]),
  ),
};

/** Where the first word stands that is no global option. */
function commandAt(args: readonly string[]): number {
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--root") at++;
    else if (!word.startsWith("-")) return at;
  }
  return args.length;
}

async function makeProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("ctr")
    .description("Containers with no daemon: docker's commands, one process each.")
    .option("--root <directory>", "keep all state there")
    .option("--debug", "show where an error comes from")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  const home = homeOf[args[commandAt(args)] ?? ""];
  const wanted = home === undefined ? [...Object.keys(commands), ...Object.keys(lazy)] : [home];
  for (const name of wanted) {
    const register = commands[name] ?? (await lazy[name]!());
    register(program);
  }
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** 125 when `run` or `create` could not be done, as Docker's; 1 for other commands. */
function exitCodeOf(error: unknown, command: string | undefined): number {
  const given = (error as { exitCode?: unknown }).exitCode;
  if (error instanceof Failure) return error.exitCode;
  const runs = command === "run" || command === "create";
  if (typeof given === "number" && (given !== 125 || runs)) return given;
  return runs ? 125 : 1;
}

/** Docker's: 125 for a flag that it does not know, whatever the command; 0 for --help. */
function usageExitCode(error: CommanderError, command: string | undefined): number {
  if (error.exitCode === 0) return 0;
  const isFlag = error.code === "commander.unknownOption" || error.code === "commander.optionMissingArgument";
  return isFlag || command === "run" || command === "create" ? 125 : 1;
}

/** `ctr container diff` is `ctr diff`: every command that is about containers, but those that are there under `container` alone. */
function withoutContainer(words: readonly string[]): readonly string[] {
  const at = commandAt(words);
  const next = words[at + 1] ?? "";
  const isAbout = ["containers", "run", "exec", "logs", "commit", "diff", "export", "cp"].includes(homeOf[next] ?? "");
  return words[at] === "container" && next !== "container" && isAbout ? words.toSpliced(at, 1) : words;
}

async function main(words: readonly string[]): Promise<void> {
  const args = withoutContainer(words);
  const at = commandAt(args);
  const command = args[at];
  try {
    await (await makeProgram(args)).parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = usageExitCode(error, command);
      return;
    }
    process.exitCode = exitCodeOf(error, command);
    const shown =
      args.slice(0, at).includes("--debug") && error instanceof Error
        ? (error.stack ?? error.message)
        : reasonOf(error as Error);
    process.stderr.write(`ctr: ${shown}\n`);
  }
}

await main(process.argv.slice(2));
