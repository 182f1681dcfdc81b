import { createInterface } from "node:readline";
import { credentialFile, type Engine } from "@ctr/engine";
import { familiarReference, parseReference } from "@ctr/oci";
import { login, logout } from "@ctr/registry";
import type { Command } from "commander";
import { Failure } from "../failure.ts";
import { withEngine } from "../session.ts";
import { showSize } from "../size.ts";

export function register(program: Command): void {
  program
    .command("pull <image>")
    .summary("fetch an image from a registry")
    .option("-q, --quiet", "print only the name")
    .action((name: string, flags: { quiet?: boolean }, command: Command) =>
      withEngine(command, (engine) => pull(engine, name, flags.quiet ?? false)),
    );
  program
    .command("push <image>")
    .summary("send an image to a registry")
    .option("-q, --quiet", "print only the name")
    .action((name: string, flags: { quiet?: boolean }, command: Command) =>
      withEngine(command, (engine) => push(engine, name, flags.quiet ?? false)),
    );
  program
    .command("login [server]")
    .summary("try credentials against a registry and keep them")
    .requiredOption("-u, --username <name>", "who to be")
    .option("--password-stdin", "read the password from standard input")
    .action(async (server: string | undefined, flags: { username: string; passwordStdin?: boolean }) => {
      const host = server ?? "docker.io";
      const password = await readPassword(flags.passwordStdin ?? false);
      await login({ host, username: flags.username, password, configPath: credentialFile() });
      process.stdout.write("Login Succeeded\n");
    });
  program
    .command("logout [server]")
    .summary("forget the credentials of a registry")
    .action(async (server: string | undefined) => {
      const host = server ?? "docker.io";
      const had = await logout({ host, configPath: credentialFile() });
      process.stdout.write(had ? `Removing login credentials for ${host}\n` : `Not logged in to ${host}\n`);
    });
}

const short = (digest: string): string => digest.slice("sha256:".length, "sha256:".length + 12);

async function pull(engine: Engine, name: string, quiet: boolean): Promise<void> {
  const write = (text: string): void => void (quiet || process.stdout.write(text));
  for await (const event of engine.images.pull({ reference: name })) {
    if (event.kind === "present") write(`${short(event.descriptor.digest)}: Already exists\n`);
    if (event.kind === "stored") write(`${short(event.descriptor.digest)}: Pull complete\n`);
    if (event.kind === "done") {
      write(`Digest: ${event.root.digest}\n`);
      write(`${showSize(event.fetchedBytes)} fetched, ${showSize(event.reusedBytes)} were here already\n`);
    }
  }
  process.stdout.write(`${familiarReference(parseReference(name))}\n`);
}

async function push(engine: Engine, name: string, quiet: boolean): Promise<void> {
  const write = (text: string): void => void (quiet || process.stdout.write(text));
  for await (const event of engine.images.push({ reference: name })) {
    if (event.kind === "present") write(`${short(event.descriptor.digest)}: Layer already exists\n`);
    if (event.kind === "mounted") write(`${short(event.descriptor.digest)}: Mounted from ${event.from}\n`);
    if (event.kind === "sent") write(`${short(event.descriptor.digest)}: Pushed\n`);
    if (event.kind === "done") write(`digest: ${event.root.digest}, ${showSize(event.sentBytes)} sent\n`);
  }
  if (quiet) process.stdout.write(`${familiarReference(parseReference(name))}\n`);
}

/** Never an argument: whoever lists processes would see it. */
async function readPassword(fromStdin: boolean): Promise<string> {
  if (!fromStdin)
    throw new Failure(
      "give the password with --password-stdin, for instance from a file: ctr login … --password-stdin < FILE",
      1,
    );
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new Failure("no password came on standard input", 1);
}
