import { type Engine, EngineError } from "@ctr/engine";
import { type Attachment, exitCode, type StepTime } from "@ctr/kernel";
import { explain, explainStep } from "@ctr/plan";
import type { Command } from "commander";
import { attach, callersTerminal, forwardSignals } from "../attach.ts";
import { Failure } from "../failure.ts";
import { addPullFlags, createPulling, type PullFlags } from "../pull-missing.ts";
import { addRunFlags, createOptions } from "../run-flags.ts";
import { withEngine } from "../session.ts";

interface Flags extends PullFlags {
  readonly detach?: boolean;
  readonly explain?: boolean;
  readonly dryRun?: boolean;
  readonly timing?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly rm?: boolean;
  readonly cidfile?: string;
}

export function register(program: Command): void {
  addPullFlags(addRunFlags(program.command("run")))
    .summary("make a container and run it")
    .usage("[options] IMAGE [COMMAND] [ARG...]")
    .argument("<image>")
    .argument("[command...]")
    .option("-d, --detach", "run in the background and print the id")
    .option("--explain", "print the plan of the start, then run it")
    .option("--dry-run", "print the plan of the start and do nothing")
    .option("--timing", "print what each step of the start took")
    .passThroughOptions()
    .action(async (image: string, args: string[], flags: Flags, command: Command) => {
      const code = await withEngine(command, (engine) => run(engine, image, args, flags));
      process.exitCode = code;
    });
}

async function run(engine: Engine, image: string, args: readonly string[], flags: Flags): Promise<number> {
  if (flags.tty && flags.interactive && !process.stdin.isTTY && !flags.detach)
    throw new Failure("the input device is not a TTY", 1);
  const size = flags.tty ? callersTerminal() : undefined;
  await engine.housekeeping();
  const options = createOptions(flags as Record<string, unknown>, image, args);
  const record = await createPulling(
    engine,
    { ...options, startsAtOnce: true, ...(size === undefined ? {} : { terminalSize: size }) },
    flags,
  );
  try {
    if (flags.explain || flags.dryRun) process.stderr.write(`${explain(await engine.containers.explain(record.id))}\n`);
    if (flags.dryRun) {
      await engine.containers.remove(record.id);
      return 0;
    }
    return flags.detach ? await runDetached(engine, record.id, flags) : await runHere(engine, record.id, flags);
  } catch (error) {
    // Docker leaves a container whose program is missing as "Created", unless --rm was given.
    if (flags.rm || flags.dryRun) await engine.containers.remove(record.id, { force: true });
    throw error;
  }
}

async function runDetached(engine: Engine, id: string, flags: Flags): Promise<number> {
  const started = await engine.containers.start(id, { detached: true, timing: flags.timing ?? false });
  started.attachment.close();
  if (flags.timing) process.stderr.write(showTiming(started.timing()));
  process.stdout.write(`${id}\n`);
  return 0;
}

async function runHere(engine: Engine, id: string, flags: Flags): Promise<number> {
  let restore: () => void = () => undefined;
  let attachment: Attachment | undefined;
  const stopForwarding = forwardSignals((signal) => void engine.containers.kill(id, signal).catch(() => undefined));
  try {
    const started = await engine.containers.start(id, {
      timing: flags.timing ?? false,
      beforeStart: (before) => {
        restore = attach(before, { tty: flags.tty ?? false, interactive: flags.interactive ?? false });
      },
    });
    attachment = started.attachment;
    const ending = await attachment.ended();
    if (flags.timing) process.stderr.write(showTiming(started.timing()));
    const record = await engine.containers.get(id);
    if (flags.rm) await engine.containers.remove(id, { force: true });
    if (ending !== undefined) return exitCode(ending);
    if (record.exitCode === undefined)
      throw new EngineError("ERR_ENGINE_NOT_RUNNING", `container ${id} went away without a word`);
    return record.exitCode;
  } finally {
    restore();
    attachment?.close();
    stopForwarding();
  }
}

/** The steps that took longest first; what is under 10 µs is summed up. */
function showTiming(times: readonly StepTime[]): string {
  const total = times.reduce((sum, time) => sum + time.milliseconds, 0);
  const slow = times.filter((time) => time.milliseconds >= 0.01).sort((a, b) => b.milliseconds - a.milliseconds);
  const rest = total - slow.reduce((sum, time) => sum + time.milliseconds, 0);
  const lines = slow.map((time) => `${time.milliseconds.toFixed(3).padStart(9)} ms  ${explainStep(time.step)}`);
  return [
    ...lines,
    `${rest.toFixed(3).padStart(9)} ms  ${times.length - slow.length} shorter steps`,
    `${total.toFixed(3).padStart(9)} ms  all steps`,
    "",
  ].join("\n");
}
