import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type JsonValue, parseJson } from "@ctr/oci";
import { helperErase, helperGet, helperStore } from "./credential-helper.ts";
import type { CredentialLookup, Credentials } from "./credentials.ts";
import { printable, RegistryError } from "./registry-error.ts";

const maxBytes = 1024 * 1024;
/** The name that every tool keeps Docker Hub's credentials under. */
const hubKey = "https://index.docker.io/v1/";

/**
 * A lookup in Docker's `config.json`: the host's own helper of `credHelpers`, else the helper of
 * `credsStore`, else `auths`. A file that is not there holds nothing.
 *
 * @param path  Of the file: `~/.docker/config.json`, usually.
 * @throws {RegistryError} from the lookup: `ERR_REGISTRY_CREDENTIALS`
 */
export function credentialsFromConfig(path: string): CredentialLookup {
  return async (host) => {
    const config = await readConfig(path);
    const helper = helperFor(config, host);
    if (helper !== undefined) return helperGet(helper, keyOf(host));
    const auths = objectIn(config, "auths");
    const key = matchingKeys(auths, host)[0];
    return key === undefined ? undefined : readEntry(objectIn(auths, key), host, path);
  };
}

/**
 * Keep credentials for a host: in the helper that the file names, else in the file itself, which is
 * replaced in one step and readable by its owner only. Everything else in it stays.
 *
 * @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS`
 */
export async function storeCredentials(
  path: string,
  host: string,
  credentials: { readonly username: string; readonly password: string },
): Promise<void> {
  const config = await readConfig(path);
  const helper = helperFor(config, host);
  if (helper !== undefined) return helperStore(helper, keyOf(host), credentials);
  if (credentials.username.includes(":"))
    throw new RegistryError("ERR_REGISTRY_CREDENTIALS", "a user name cannot hold a colon", { host });
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
  await writeConfig(path, { ...config, auths: { ...objectIn(config, "auths"), [keyOf(host)]: { auth } } });
}

/** Forget the credentials of a host. @returns whether the file held any. @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS` */
export async function eraseCredentials(path: string, host: string): Promise<boolean> {
  const config = await readConfig(path);
  const helper = helperFor(config, host);
  if (helper !== undefined) await helperErase(helper, keyOf(host));
  const auths = objectIn(config, "auths");
  const keys = new Set(matchingKeys(auths, host));
  if (keys.size === 0) return helper !== undefined;
  const rest = Object.fromEntries(Object.entries(auths).filter(([key]) => !keys.has(key)));
  await writeConfig(path, { ...config, auths: rest });
  return true;
}

type Json = Readonly<Record<string, JsonValue>>;

async function readConfig(path: string): Promise<Json> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw unusable(path, `it has ${size} bytes`);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error instanceof RegistryError ? error : unusable(path, String(error), error);
  }
  if (bytes.toString().trim() === "") return {};
  try {
    const value = parseJson(bytes, maxBytes);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch (error) {
    throw unusable(path, error instanceof Error ? error.message : String(error));
  }
  throw unusable(path, "it is no JSON object");
}

function unusable(path: string, why: string, cause?: unknown): RegistryError {
  return new RegistryError("ERR_REGISTRY_CREDENTIALS", `cannot use ${path}: ${why}`, { host: "", cause });
}

async function writeConfig(path: string, config: Json): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Where the file is a link, into a dotfiles directory for instance, what it points to is replaced.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.config.json.${randomUUID()}`);
  const file = await open(temporary, "wx", 0o600);
  try {
    // JSON has no bigint of its own; no integer that long has a meaning here.
    const text = JSON.stringify(config, (_, value) => (typeof value === "bigint" ? Number(value) : value), "\t");
    await file.writeFile(`${text}\n`);
    await file.sync();
    await file.close();
    await chmod(temporary, 0o600);
    await rename(temporary, target);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw unusable(path, String(error), error);
  }
}

function helperFor(config: Json, host: string): string | undefined {
  const helpers = objectIn(config, "credHelpers");
  const own = helpers[keyOf(host)] ?? helpers[host];
  const name = own ?? config.credsStore;
  return typeof name === "string" && name !== "" ? name : undefined;
}

function objectIn(config: Json, key: string): Json {
  const value = Object.hasOwn(config, key) ? config[key] : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function isHub(host: string): boolean {
  return host === "docker.io" || host === "index.docker.io" || host === "registry-1.docker.io";
}

function keyOf(host: string): string {
  return isHub(host) ? hubKey : host;
}

/** The exact key first, then older spellings of the same host: with a scheme, with a path. */
function matchingKeys(auths: Json, host: string): readonly string[] {
  const bare = (key: string): string => key.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  const isSame = (key: string): boolean => (isHub(host) ? isHub(bare(key)) : bare(key) === host);
  const others = Object.keys(auths).filter((key) => key !== keyOf(host) && isSame(key));
  return Object.hasOwn(auths, keyOf(host)) ? [keyOf(host), ...others] : others;
}

function readEntry(entry: Json, host: string, path: string): Credentials | undefined {
  const { identitytoken, registrytoken, auth, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "") return { identityToken: identitytoken };
  if (typeof registrytoken === "string" && registrytoken !== "") return { registryToken: registrytoken };
  if (typeof username === "string" && typeof password === "string") return { username, password };
  if (typeof auth !== "string" || auth === "") return undefined;
  const text = Buffer.from(auth, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) throw unusable(path, `the entry for ${printable(host)} is no base64 of name:password; log in again`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}
