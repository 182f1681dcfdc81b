import type { Engine, ImportRequest } from "@ctr/engine";
import { familiarReference, parseReference } from "@ctr/oci";
import { openInput, writeOutput } from "./archive-stream.ts";
import { Failure } from "./failure.ts";
import { scavenging } from "./scavenge.ts";
import { untilSignal } from "./until-signal.ts";

/** `ctr save`. */
export async function saveImages(engine: Engine, images: readonly string[], output: string | undefined): Promise<void> {
  if (output === undefined && process.stdout.isTTY)
    throw new Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1);
  await stream(async (signal) => writeOutput(engine.images.save({ images, signal }), output));
}

/** `ctr load`, in Docker's words. */
export async function loadImages(engine: Engine, input: string | undefined): Promise<void> {
  if (input === undefined && process.stdin.isTTY) throw new Failure("requested load from stdin, but stdin is empty", 1);
  await stream(async (signal) => {
    for await (const { id, names } of engine.images.load({ archive: openInput(input ?? "-"), signal })) {
      const lines = names.map((name) => `Loaded image: ${familiarReference(parseReference(name))}\n`);
      process.stdout.write(lines.length === 0 ? `Loaded image ID: ${id}\n` : lines.join(""));
    }
  });
}

/** `ctr import`: prints the id. */
export async function importFiles(
  engine: Engine,
  file: string,
  o: Omit<ImportRequest, "archive" | "signal">,
): Promise<void> {
  if (/^https?:\/\//.test(file))
    throw new Failure(`import reads files and standard input: curl -L ${JSON.stringify(file)} | ctr import - …`, 1);
  await stream(async (signal) => {
    process.stdout.write(`${await engine.images.import({ ...o, archive: openInput(file), signal })}\n`);
  });
}

/** End in an orderly way at Ctrl-C, with no half-written file left, and with memory for a few chunks only. */
const stream = (work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  untilSignal((signal) => scavenging(() => work(signal)));
