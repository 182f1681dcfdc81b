import { credentialFile, defaultRoot, registryOptions } from "@ctr/engine";
import { login, logout } from "@ctr/registry";
import type { Command } from "commander";
import { askCredentials } from "../ask-credentials.ts";
import { registerTransfer } from "./transfer.ts";

export function register(program: Command): void {
  registerTransfer(program);
  registerLogin(program);
  registerServe(program);
}

function registerLogin(program: Command): void {
  program
    .command("login [server]")
    .summary("try credentials against a registry and keep them")
    .option("-u, --username <name>", "who to be")
    .option("--password-stdin", "read the password from standard input")
    .action(
      async (server: string | undefined, flags: { username?: string; passwordStdin?: boolean }, command: Command) => {
        const host = hostOf(server);
        const { root = defaultRoot() } = command.optsWithGlobals<{ root?: string }>();
        const { username, password } = await askCredentials(flags);
        const { credentials: _, mirrors: __, ...options } = await registryOptions({ root, host });
        await login({ ...options, username, password, configPath: credentialFile() });
        process.stdout.write("Login Succeeded\n");
      },
    );
  program
    .command("logout [server]")
    .summary("forget the credentials of a registry")
    .action(async (server: string | undefined) => {
      const host = hostOf(server);
      const had = await logout({ host, configPath: credentialFile() });
      process.stdout.write(had ? `Removing login credentials for ${host}\n` : `Not logged in to ${host}\n`);
    });
}

/** `https://ghcr.io/v2/` is written for `ghcr.io` by some. */
const hostOf = (server: string | undefined): string =>
  (server ?? "docker.io").replace(/^https?:\/\//, "").split("/", 1)[0]!;

function registerServe(program: Command): void {
  const registry = program.command("registry").summary("be a registry for others");
  registry
    .command("serve [directory]")
    .summary("serve the images of this store, or those of a directory")
    .option("--listen <address:port>", "where to listen", "127.0.0.1:5000")
    .option("--proxy <registry>", "fetch from there, and keep, what the directory does not have")
    .option("--readonly", "take nothing from clients")
    .action(
      async (
        directory: string | undefined,
        flags: { listen: string; proxy?: string; readonly?: boolean },
        command: Command,
      ) => {
        const { serve } = await import("../serve.ts");
        const { root = defaultRoot() } = command.optsWithGlobals<{ root?: string }>();
        await serve({ ...flags, directory, root });
      },
    );
}
