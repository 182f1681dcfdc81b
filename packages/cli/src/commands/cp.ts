import type { Copied, Engine } from "@ctr/engine";
import type { Command } from "commander";
import { openInput, writeOutput } from "../archive-stream.ts";
import { Failure, harmless } from "../failure.ts";
import { withEngine } from "../session.ts";
import { showSize } from "../size.ts";
import { untilSignal } from "../until-signal.ts";

interface Flags {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

export function register(program: Command): void {
  program
    .command("cp <source> <target>")
    .usage("[options] CONTAINER:SRC_PATH DEST_PATH|-\n       ctr cp [options] SRC_PATH|- CONTAINER:DEST_PATH")
    .summary("copy files between a container and this machine; - is a tar archive on standard input or output")
    .option("-a, --archive", "keep owners and groups, and device nodes")
    .option("-L, --follow-link", "copy what a symlink in SRC_PATH points to")
    .option("-q, --quiet", "do not say what was copied")
    .action((source: string, target: string, flags: Flags, command: Command) =>
      withEngine(command, (engine) =>
        untilSignal((signal) => cp(engine, splitPath(source), splitPath(target), flags, signal)),
      ),
    );
}

interface Argument {
  /** Undefined for this machine. */
  readonly container: string | undefined;
  readonly path: string;
}

/** `NAME:PATH` is a container's, unless it is written as a path: `/a:b`, `./a:b`. */
function splitPath(text: string): Argument {
  const colon = text.indexOf(":");
  if (colon < 1 || /^[/.]/.test(text)) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

async function cp(
  engine: Engine,
  source: Argument,
  target: Argument,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const options = { archive: flags.archive ?? false, followLink: flags.followLink ?? false, signal };
  if (source.container !== undefined && target.container !== undefined)
    throw new Failure("copying between containers is not supported", 1);
  if (source.path === "" && source.container === undefined) throw new Failure("source can not be empty", 1);
  if (target.path === "" && target.container === undefined) throw new Failure("destination can not be empty", 1);
  if (source.container !== undefined && target.path === "-")
    return readTo(engine, source.container, source.path, options);
  if (target.container !== undefined && source.path === "-") {
    const archive = openInput("-");
    const bytes = await engine.containers.unpackIn(target.container, { to: target.path, archive, signal });
    return report({ bytes, skipped: [] }, `${target.container}:${target.path}`, flags);
  }
  if (source.container !== undefined) {
    const paths = { from: source.path, to: target.path };
    return report(await engine.containers.copyFrom(source.container, { ...options, ...paths }), target.path, flags);
  }
  if (target.container === undefined) throw new Failure("must specify at least one container source", 1);
  const paths = { from: source.path, to: target.path };
  const copied = await engine.containers.copyTo(target.container, { ...options, ...paths });
  return report(copied, `${target.container}:${target.path}`, flags);
}

async function readTo(
  engine: Engine,
  container: string,
  from: string,
  options: { readonly followLink: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (process.stdout.isTTY) throw new Failure("cowardly refusing to write an archive to a terminal: redirect it", 1);
  await writeOutput(engine.containers.readFrom(container, { ...options, from }), undefined);
}

function report({ bytes, skipped }: Copied, target: string, flags: Flags): void {
  for (const name of skipped)
    process.stderr.write(`left out: device ${harmless(name)} (-a copies devices, as devices of this machine)\n`);
  if (process.stdout.isTTY && !flags.quiet)
    process.stderr.write(`Successfully copied ${showSize(bytes)} to ${harmless(target)}\n`);
}
