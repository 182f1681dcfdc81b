import { type ContainerRecord, type Engine, statusOf } from "@ctr/engine";
import type { Command } from "commander";
import { showAgo, showDuration } from "../duration.ts";
import { Failure, harmless } from "../failure.ts";
import { addPullFlags, createPulling, type PullFlags } from "../pull-missing.ts";
import { addRunFlags, createOptions } from "../run-flags.ts";
import { withEngine } from "../session.ts";
import { table } from "../table.ts";
import { formatRows } from "../template.ts";

export function register(program: Command): void {
  addPullFlags(addRunFlags(program.command("create")))
    .summary("make a container without running it")
    .usage("[options] IMAGE [COMMAND] [ARG...]")
    .argument("<image>")
    .argument("[command...]")
    .passThroughOptions()
    .action((image: string, args: string[], flags: Record<string, unknown>, command: Command) =>
      withEngine(command, async (engine) => {
        const { id } = await createPulling(engine, createOptions(flags, image, args), flags as PullFlags);
        process.stdout.write(`${id}\n`);
      }),
    );
  program
    .command("start <container...>")
    .summary("start containers that were made or have ended")
    .action((names: string[], _flags: object, command: Command) =>
      forEach(command, names, async (engine, name) =>
        (await engine.containers.start(name, { detached: true })).attachment.close(),
      ),
    );
  program
    .command("stop <container...>")
    .summary("stop containers: their stop signal, then SIGKILL")
    .option("-t, --time <seconds>", "seconds until SIGKILL")
    .action((names: string[], flags: { time?: string }, command: Command) =>
      forEach(command, names, (engine, name) => stop(engine, name, flags.time)),
    );
  program
    .command("kill <container...>")
    .summary("send a signal to containers")
    .option("-s, --signal <signal>", "which signal", "KILL")
    .action((names: string[], flags: { signal: string }, command: Command) =>
      forEach(command, names, (engine, name) => engine.containers.kill(name, flags.signal)),
    );
  program
    .command("rm <container...>")
    .summary("remove containers")
    .option("-f, --force", "kill what runs")
    .action((names: string[], flags: { force?: boolean }, command: Command) =>
      forEach(command, names, (engine, name) => engine.containers.remove(name, { force: flags.force ?? false })),
    );
  program
    .command("wait <container...>")
    .summary("wait until containers have ended, and print their exit codes")
    .action((names: string[], _flags: object, command: Command) =>
      withEngine(command, async (engine) => {
        for (const name of names) process.stdout.write(`${await engine.containers.wait(name)}\n`);
      }),
    );
  program
    .command("ps")
    .summary("list containers")
    .option("-a, --all", "also those that do not run")
    .option("-q, --quiet", "only ids")
    .option("-l, --latest", "only the newest, running or not")
    .option("--no-trunc", "ids and commands in full")
    .option("--format <template>", "Go template, `json` or `table …`")
    .action((flags: PsFlags, command: Command) => withEngine(command, (engine) => ps(engine, flags)));
  program
    .command("container", { hidden: true })
    .command("cleanup <container>")
    .action((name: string, _flags: object, command: Command) =>
      withEngine(command, async (engine) => {
        const record = await engine.containers.get(name);
        if (record.options.autoRemove) await engine.containers.remove(record.id);
        await engine.housekeeping({ network: true });
      }),
    );
}

/** Do something with each container and print the names of those where it worked; one that fails does not stop the rest. */
async function forEach(
  command: Command,
  names: readonly string[],
  act: (engine: Engine, name: string) => Promise<void>,
): Promise<void> {
  await withEngine(command, async (engine) => {
    for (const name of names) {
      try {
        await act(engine, name);
        process.stdout.write(`${name}\n`);
      } catch (error) {
        process.stderr.write(`Error: ${harmless((error as Error).message)}\n`);
        process.exitCode = 1;
      }
    }
    await engine.housekeeping({ network: true });
  });
}

async function stop(engine: Engine, name: string, time: string | undefined): Promise<void> {
  const seconds = time === undefined ? undefined : Number(time);
  if (seconds !== undefined && !Number.isInteger(seconds))
    throw new Failure(`invalid argument ${JSON.stringify(time)} for --time: write seconds`, 125);
  const { killed, ignoresSignal } = await engine.containers.stop(name, { seconds });
  if (killed && ignoresSignal)
    process.stderr.write(
      `${harmless(name)}: its PID 1 has no handler for the stop signal, which the kernel therefore dropped; SIGKILL ended it. Run it with --init to stop it at once.\n`,
    );
}

interface PsFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly latest?: boolean;
  readonly trunc: boolean;
  readonly format?: string;
}

async function ps(engine: Engine, flags: PsFlags): Promise<void> {
  const all = await engine.containers.list();
  const records = flags.latest ? all.slice(0, 1) : all.filter((record) => flags.all || record.state === "running");
  const id = (record: ContainerRecord): string => (flags.trunc ? record.id.slice(0, 12) : record.id);
  if (flags.quiet) {
    process.stdout.write(records.map((record) => `${id(record)}\n`).join(""));
    return;
  }
  const rows = records.map((record) => psRow(record, id(record), flags.trunc));
  if (flags.format !== undefined) {
    process.stdout.write(formatRows(flags.format, rows, table));
    return;
  }
  const headings = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
  process.stdout.write(
    table(
      headings,
      rows.map((row) => [row.ID, row.Image, row.Command, row.RunningFor, row.Status, row.Ports, row.Names]),
    ),
  );
}

function psRow(record: ContainerRecord, id: string, short: boolean) {
  const text = record.args.join(" ");
  const cut = short && text.length > 20 ? `${text.slice(0, 19)}…` : text;
  return {
    ID: id,
    Image: record.image ?? record.options.rootfs ?? "",
    Command: `"${cut}"`,
    CreatedAt: record.createdAt,
    RunningFor: showAgo(record.createdAt),
    State: statusOf(record),
    Status: showStatus(record),
    Ports: (record.state === "running" ? (record.ports ?? []) : [])
      .map((port) => `${port.hostIp}:${port.hostPort}->${port.containerPort}/${port.protocol}`)
      .join(", "),
    Names: record.name,
    Labels: Object.entries(record.options.labels ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
    Networks:
      typeof record.options.network === "object"
        ? `container:${record.options.network.container}`
        : (record.options.network ?? "bridge"),
  };
}

function showStatus(record: ContainerRecord): string {
  switch (statusOf(record)) {
    case "running":
      return `Up ${showDuration((Date.now() - Date.parse(record.startedAt!)) / 1000)}`;
    case "exited":
      return `Exited (${record.exitCode}) ${showAgo(record.finishedAt!)}`;
    case "removing":
      return "Removal In Progress";
    default:
      return "Created";
  }
}
