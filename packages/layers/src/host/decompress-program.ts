import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";
import { LayerError } from "../layers-error.ts";

//  Node cannot read bzip2 and xz. What can is installed nearly everywhere, and a process of its own keeps a
//  hostile stream away from this one:
//
//     source ──▶ stdin  [xz, at most 72 MiB]  stdout ──▶ the archive
//

const programs = {
  // Its memory is 4 MiB, whatever the data says.
  bzip2: { args: ["--decompress", "--stdout", "--quiet"], debian: "bzip2" },
  // A dictionary may be 4 GiB; that of `xz -9`, the largest preset, is 64 MiB.
  xz: {
    args: ["--decompress", "--stdout", "--quiet", "--format=xz", "--threads=1", "--memlimit-decompress=72MiB"],
    debian: "xz-utils",
  },
} as const;

export type ProgramCompression = keyof typeof programs;

/**
 * What the machine's `bzip2` or `xz` makes of `source`. The program ends with the iteration.
 * @throws {LayerError} `ERR_LAYERS_COMPRESSION` when it refuses the data, `ERR_LAYERS_PROGRAM` when it is not installed. Errors of the source come out as they are.
 */
export async function* decompressWithProgram(
  kind: ProgramCompression,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const { args } = programs[kind];
  // None of XZ_DEFAULTS, XZ_OPT and BZIP2 reaches it: they could lift the limits.
  const env = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" };
  const child = spawn(kind, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (said.length < mostSaid) said += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve(code === 0 ? undefined : said.slice(0, mostSaid).trim()));
  });
  ended.catch(() => {}); // asked for below, unless the iteration ends before
  let failure: { readonly error: unknown } | undefined;
  const fed = pipeline(
    noting(source, (error) => {
      failure = { error };
    }),
    child.stdin,
  ).catch(() => {}); // it reads no further: its status says why
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const refusal = await ended.catch((cause: unknown) => {
      throw cannotRun(kind, cause);
    });
    await fed;
    if (failure !== undefined) throw failure.error;
    if (refusal !== undefined) throw refused(kind, refusal);
  } finally {
    child.kill("SIGKILL");
    child.stdin.destroy();
    await fed;
  }
}

const mostSaid = 400;

async function* noting(
  source: AsyncIterable<Uint8Array>,
  note: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* source;
  } catch (error) {
    note(error);
    throw error;
  }
}

function cannotRun(kind: ProgramCompression, cause: unknown): LayerError {
  const found = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is not installed" : "cannot be started";
  return new LayerError({
    code: "ERR_LAYERS_PROGRAM",
    message: `the archive is packed with ${kind}, and the program ${kind} ${found}: install the package ${programs[kind].debian}, or unpack the archive first`,
    cause,
  });
}

function refused(kind: ProgramCompression, said: string): LayerError {
  const reason = said === "" ? "it is damaged or was cut short" : JSON.stringify(said);
  return new LayerError({
    code: "ERR_LAYERS_COMPRESSION",
    message: `the ${kind} data cannot be read: ${reason}`,
  });
}
