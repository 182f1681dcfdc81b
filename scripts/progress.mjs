// One line per piece of long work: rewritten in place on a terminal, plain elsewhere.
import { spawn } from "node:child_process";

/** A program that ended with another status than 0; `output` is what it said, stdout and stderr together. */
export class ProgramFailed extends Error {
  constructor(command, status, output) {
    super(`${command} ended with ${status}`);
    this.output = output;
  }
}

/**
 * Run a program to its end while a line says what is going on and for how long.
 * @returns what it printed, stdout and stderr together
 * @throws {ProgramFailed}
 */
export async function runWithProgress(what, program, args, options = {}) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const terminal = process.stderr.isTTY;
  const show = (text) => process.stderr.write(terminal ? `\r\x1b[K${text}` : `${text}\n`);

  show(`${what} …`);
  const ticker = terminal ? setInterval(() => show(`${what} … ${seconds()}`), 500) : undefined;
  const { status, output } = await collect(program, args, options);
  clearInterval(ticker);
  show(`${what}: ${status === 0 ? "done" : "failed"} after ${seconds()}`);
  if (terminal) process.stderr.write("\n");
  if (status !== 0) throw new ProgramFailed([program, ...args].join(" "), status, output);
  return output;
}

/** Run a program with this process's terminal; resolves with its exit status, 128+n after signal n. */
export function runInForeground(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", ...options });
    // Ctrl-C goes to the whole process group: the child decides, and we report its answer.
    for (const signal of ["SIGINT", "SIGQUIT"]) process.on(signal, () => {});
    for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signalNumbers[signal] ?? 0)));
  });
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

function collect(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (status, signal) =>
      resolve({ status: status ?? signal, output: Buffer.concat(chunks).toString() }),
    );
  });
}
