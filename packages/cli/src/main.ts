import { Command, CommanderError } from "commander";
import { Failure, harmless } from "./failure.ts";

/** Each command lives in a chunk of its own, which is loaded when it is the one that was called. */
const commands: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  run: () => import("./commands/run.ts"),
  exec: () => import("./commands/exec.ts"),
  containers: () => import("./commands/containers.ts"),
  logs: () => import("./commands/logs.ts"),
  inspect: () => import("./commands/inspect.ts"),
  images: () => import("./commands/images.ts"),
  info: () => import("./commands/info.ts"),
  build: () => import("./commands/build.ts"),
};

const homeOf: Readonly<Record<string, string>> = {
  ...{ run: "run", exec: "exec", logs: "logs", inspect: "inspect", info: "info", version: "info", build: "build" },
  ...{ images: "images", rmi: "images", tag: "images", image: "images" },
  ...Object.fromEntries(["create", "start", "stop", "kill", "rm", "wait", "ps", "container"].map((name) => [name, "containers"])),
};

/** The first word that is no global option. */
function calledCommand(args: readonly string[]): string | undefined {
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === "--root") at++;
    else if (!word.startsWith("-")) return word;
  }
  return undefined;
}

async function makeProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("ctr")
    .description("Containers with no daemon: docker's commands, one process each.")
    .option("--root <directory>", "keep all state there")
    .option("--debug", "show where an error comes from")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride();
  const home = homeOf[calledCommand(args) ?? ""];
  const wanted = home === undefined ? Object.keys(commands) : [home];
  for (const name of wanted) (await commands[name]!()).register(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

/** 125 when `run`, `create` or `exec` could not be done, as Docker's; 1 for other commands. */
function exitCodeOf(error: unknown, command: string | undefined): number {
  const given = (error as { exitCode?: unknown }).exitCode;
  if (error instanceof Failure) return error.exitCode;
  const runs = command === "run" || command === "create" || command === "exec";
  if (typeof given === "number" && (given !== 125 || runs)) return given;
  return runs ? 125 : 1;
}

async function main(args: readonly string[]): Promise<void> {
  const command = calledCommand(args);
  try {
    await (await makeProgram(args)).parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : command === "run" || command === "create" ? 125 : 1;
      return;
    }
    process.exitCode = exitCodeOf(error, command);
    const shown = args.includes("--debug") && error instanceof Error ? (error.stack ?? error.message) : harmless((error as Error).message);
    process.stderr.write(`ctr: ${shown}\n`);
  }
}

await main(process.argv.slice(2));
