import { closeSync, openSync } from "node:fs";
import type { Engine, ExecOptions } from "@ctr/engine";
import { exitCode, setTerminalSize } from "@ctr/kernel";
import type { Command } from "commander";
import { attachMaster, callersTerminal, forwardSignals } from "../attach.ts";
import { Failure } from "../failure.ts";
import { withEngine } from "../session.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface Flags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly env?: string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
}

export function register(program: Command): void {
  program
    .command("exec")
    .summary("run one more program in a running container")
    .usage("[options] CONTAINER COMMAND [ARG...]")
    .argument("<container>")
    .argument("<command...>")
    .option("-i, --interactive", "keep standard input open")
    .option("-t, --tty", "give the program a terminal")
    .option("-d, --detach", "do not wait for it")
    .option("-e, --env <name=value>", "set an environment variable", collect)
    .option("-w, --workdir <directory>", "working directory inside")
    .option("-u, --user <user[:group]>", "name or id to run as")
    .option("--privileged", "give it every capability and no seccomp filter")
    .passThroughOptions()
    .action(async (name: string, args: string[], flags: Flags, command: Command) => {
      process.exitCode = await withEngine(command, (engine) => exec(engine, name, args, flags));
    });
}

async function exec(engine: Engine, name: string, args: readonly string[], flags: Flags): Promise<number> {
  if (flags.tty && flags.interactive && !process.stdin.isTTY) throw new Failure("the input device is not a TTY", 1);
  const nothing = openSync("/dev/null", "r+");
  const size = flags.tty ? callersTerminal() : undefined;
  const optional = (key: keyof ExecOptions, value: unknown): object => (value === undefined ? {} : { [key]: value });
  const child = await engine.containers.exec(name, {
    command: args,
    ...optional("env", flags.env),
    ...optional("workdir", flags.workdir),
    ...optional("user", flags.user),
    privileged: flags.privileged ?? false,
    tty: flags.tty ?? false,
    ...optional("terminalSize", size),
    stdio: [
      flags.interactive && !flags.tty ? 0 : nothing,
      flags.tty || flags.detach ? nothing : 1,
      flags.tty || flags.detach ? nothing : 2,
    ],
  });
  closeSync(nothing);
  if (flags.detach) return 0;
  const stopForwarding = forwardSignals((signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  });
  const terminal = child.terminal === undefined ? undefined : connect(child.terminal, flags.interactive ?? false);
  const ending = await child.ended();
  await terminal?.closed;
  terminal?.restore();
  stopForwarding();
  return exitCode(ending);
}

function connect(master: number, interactive: boolean): ReturnType<typeof attachMaster> {
  process.on("SIGWINCH", () => {
    const size = callersTerminal();
    if (size !== undefined) setTerminalSize({ fd: master, ...size });
  });
  return attachMaster(master, interactive);
}
