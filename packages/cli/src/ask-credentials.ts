import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { Failure } from "./failure.ts";

/**
 * A user name and a password: from flags and standard input, or asked for on a terminal. The password is
 * never an argument, since whoever lists processes would see it.
 *
 * @throws {Failure}
 */
export async function askCredentials(flags: {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}): Promise<{ readonly username: string; readonly password: string }> {
  if (flags.passwordStdin === true) {
    if (flags.username === undefined) throw new Failure("Must provide --username with --password-stdin", 1);
    return { username: flags.username, password: await firstLine() };
  }
  if (process.stdin.isTTY !== true)
    throw new Failure(
      "give the password with --password-stdin, for instance from a file: ctr login … --password-stdin < FILE",
      1,
    );
  const username = flags.username ?? (await ask("Username: ", { hidden: false }));
  if (username === "") throw new Failure("Error: Non-null Username Required", 1);
  const password = await ask("Password: ", { hidden: true });
  if (password === "") throw new Failure("Error: Password Required", 1);
  return { username, password };
}

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new Failure("no password came on standard input", 1);
}

/** One line of the terminal; `hidden` shows nothing of what is typed. */
function ask(question: string, o: { readonly hidden: boolean }): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: o.hidden ? nowhere : process.stderr,
    terminal: true,
  });
  return new Promise((resolve, reject) => {
    lines.on("SIGINT", () => {
      lines.close();
      reject(new Failure("", 130));
    });
    lines.on("line", (line) => {
      lines.close();
      if (o.hidden) process.stderr.write("\n");
      resolve(line.trim());
    });
  });
}
