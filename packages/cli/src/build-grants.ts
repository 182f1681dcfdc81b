import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type Entitlement, maxSecretBytes, type SecretReader } from "@ctr/builder";
import type { BuildOptions } from "@ctr/engine";
import type { Command } from "commander";
import { csvPairs } from "./csv-flag.ts";
import { Failure } from "./failure.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

/** Flags of `build` that hand something of the caller's to the commands. */
export interface GrantFlags {
  readonly secret?: string[];
  readonly ssh?: string[];
  readonly allow?: string[];
  readonly network?: string;
}

export function addGrantFlags(command: Command): Command {
  return command
    .option("--secret <spec>", "id=NAME[,src=FILE|,env=VARIABLE]: what RUN --mount=type=secret can have", collect)
    .option("--ssh <id[=socket]>", "the agent that RUN --mount=type=ssh can have; default is SSH_AUTH_SOCK's", collect)
    .option("--allow <entitlement>", "let RUN have network.host or security.insecure", collect);
}

/** What the flags hand out. Nothing is read before a command needs it. @throws {Failure} */
export function grantsOf(flags: GrantFlags): Pick<BuildOptions, "secrets" | "agents" | "allow"> {
  return {
    secrets: Object.fromEntries((flags.secret ?? []).map(secretOf)),
    agents: agentsOf(flags.ssh ?? []),
    // Whoever gives all of them the host's network has allowed it, as in docker buildx.
    allow: [...(flags.allow ?? []), ...(flags.network === "host" ? ["network.host"] : [])].map(entitlementOf),
  };
}

interface SecretFields {
  readonly id: string;
  readonly file: string | undefined;
  readonly env: string | undefined;
}

function secretOf(text: string): [id: string, read: SecretReader] {
  const { id, file, env } = secretFields(text);
  if (id === "") throw new Failure("secret missing ID", 1);
  const variable = env ?? (file === undefined && process.env[id] !== undefined ? id : undefined);
  if (variable !== undefined) return [id, () => Buffer.from(process.env[variable] ?? "")];
  const path = resolve(file ?? id);
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new Failure(`failed to stat ${file ?? id}: no such file or directory`, 1);
  if (status.size > maxSecretBytes) throw new Failure(`secret ${id} too big. max size 500KB`, 1);
  return [id, () => readSome(path)];
}

/** @see docker-buildx-build(1), --secret */
function secretFields(text: string): SecretFields {
  const refuse = (why: string): Failure => new Failure(`invalid secret ${JSON.stringify(text)}: ${why}`, 1);
  let type = "";
  const fields = new Map<string, string>();
  for (const [key, value] of csvPairs(text, "--secret")) {
    if (value === "" && !/=(?:,|$)/.test(text)) throw refuse(`field ${JSON.stringify(key)} must be a key=value pair`);
    if (key === "type") type = value;
    else if (key === "id" || key === "env") fields.set(key, value);
    else if (key === "source" || key === "src") fields.set("file", value);
    else throw refuse(`unexpected key ${JSON.stringify(key)}`);
  }
  if (type !== "" && type !== "file" && type !== "env") throw refuse(`unsupported secret type ${JSON.stringify(type)}`);
  const file = fields.get("file") || undefined;
  const env = fields.get("env") || undefined;
  const isVariable = type === "env" && env === undefined;
  return { id: fields.get("id") ?? "", file: isVariable ? undefined : file, env: isVariable ? file : env };
}

/** One byte more than may be: the builder refuses that. A pipe has no size to ask for. */
function readSome(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    if (fstatSync(fd).isDirectory()) throw new Failure(`failed to read ${path}: it is a directory`, 1);
    const buffer = Buffer.alloc(maxSecretBytes + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < buffer.length; length += count)
      count = readSync(fd, buffer, length, buffer.length - length, null);
    return buffer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

/** @see docker-buildx-build(1), --ssh */
function agentsOf(list: readonly string[]): Record<string, string> {
  const agents = list.map((text): [string, string] => {
    const [id = "", path] = text.split(/=(.*)/s, 2);
    const socket = path === undefined || path === "" ? process.env.SSH_AUTH_SOCK : path;
    if (socket === undefined || socket === "")
      throw new Failure("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set", 1);
    const status = statSync(socket, { throwIfNoEntry: false });
    if (status === undefined) throw new Failure(`failed to open ${socket}: no such file or directory`, 1);
    if (!status.isSocket())
      throw new Failure(`--ssh ${id}: ${socket} is no socket of an agent; start one, and ssh-add the key to it`, 1);
    return [id === "" ? "default" : id, resolve(socket)];
  });
  const twice = agents.find(([id], index) => agents.findIndex((one) => one[0] === id) !== index);
  if (twice !== undefined) throw new Failure(`duplicate agent ID '${twice[0]}'`, 1);
  return Object.fromEntries(agents);
}

const entitlements: readonly string[] = ["network.host", "security.insecure"] satisfies Entitlement[];

function entitlementOf(text: string): Entitlement {
  if (entitlements.includes(text)) return text as Entitlement;
  throw new Failure(`unknown entitlement ${text}: network.host and security.insecure are there`, 1);
}
