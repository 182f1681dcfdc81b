import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { BuilderError } from "../builder-error.ts";
import { withoutPassword } from "../git-reference.ts";

/** What a git may use of its caller's. Nothing of it is ever an argument: those everybody can read. */
export interface GitAccess {
  /** Value of an `Authorization` header, for the repository's own origin. */
  readonly authorization: string | undefined;
  /** Path of an ssh agent's socket. */
  readonly agent: string | undefined;
  /** Whether ssh may use the keys of whoever runs the build: for a repository that he named himself. */
  readonly ownKeys: boolean;
}

export interface GitOptions {
  readonly directory: string;
  /** Of the repository, for `access.authorization` and for messages. */
  readonly remote: string;
  readonly access: GitAccess;
  readonly signal: AbortSignal | undefined;
}

const mostOutput = 16 << 20;
const mostWords = 2000;

/** What git said when it refused. */
export class GitRefusal extends BuilderError {}

/**
 * Run git on what somebody else wrote. It sees no configuration but ours, runs no hook, asks nobody, and speaks no
 * protocol that reaches this machine's files (CVE-2022-39253) or starts programs (`ext::`).
 *
 * @returns what it writes to standard output
 * @throws {GitRefusal} `ERR_BUILDER_DOWNLOAD`; {BuilderError} `ERR_BUILDER_UNSUPPORTED` when git is not installed
 */
export async function runGit(args: readonly string[], o: GitOptions): Promise<string> {
  o.signal?.throwIfAborted();
  // A session of its own: git starts helpers, and all of them are to end together.
  const child = spawn("git", args, {
    cwd: o.directory,
    env: environment(o),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, "SIGKILL");
  };
  o.signal?.addEventListener("abort", stop, { once: true });
  const output: Buffer[] = [];
  let length = 0;
  let words = "";
  child.stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > mostOutput) stop();
    else output.push(chunk);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-mostWords);
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    o.signal?.throwIfAborted();
    if (code === 0) return Buffer.concat(output).toString("utf8");
  } catch (cause) {
    o.signal?.throwIfAborted();
    throw cannotRun(cause);
  } finally {
    o.signal?.removeEventListener("abort", stop);
  }
  const said = length > mostOutput ? "it says more than any repository has to say" : words.trim();
  const message = `failed to fetch ${withoutPassword(o.remote)}: git ${args[0]}: ${withoutPassword(said) || "it failed without a word"}`;
  throw new GitRefusal({ code: "ERR_BUILDER_DOWNLOAD", message });
}

function cannotRun(cause: unknown): BuilderError {
  const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
  const message = isMissing
    ? "the program git is not installed, and repositories are read with it: install the package git"
    : `git cannot be started: ${(cause as Error).message}`;
  return new BuilderError({ code: "ERR_BUILDER_UNSUPPORTED", message, cause });
}

const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

/** All that git inherits. @see git(1), "ENVIRONMENT VARIABLES"; git-config(1), GIT_CONFIG_COUNT */
function environment({ access, remote, directory }: GitOptions): Record<string, string> {
  const { authorization, agent, ownKeys } = access;
  const config: [string, string][] = [
    ["core.hooksPath", "/dev/null"],
    ["core.fsmonitor", "false"],
    ["core.autocrlf", "false"],
    ["core.symlinks", "true"],
    ["credential.helper", ""],
    ["protocol.file.allow", "never"],
    ["protocol.ext.allow", "never"],
    ["http.lowSpeedLimit", "1"], // bytes a second …
    ["http.lowSpeedTime", "60"], // … for so many seconds
    ["fetch.recurseSubmodules", "false"],
    ["submodule.recurse", "false"],
    ["init.defaultBranch", "main"],
    ["advice.detachedHead", "false"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
  ];
  if (authorization !== undefined)
    config.push([`http.${new URL(remote).origin}/.extraHeader`, `Authorization: ${authorization}`]);
  const inherited = [...proxyNames, ...proxyNames.map((name) => name.toLowerCase())].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    LC_ALL: "C",
    HOME: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_CEILING_DIRECTORIES: dirname(directory), // no repository that it happens to lie in
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "https:http:ssh:git",
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes${ownKeys ? "" : " -o IdentityFile=none"}`,
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}
