import { readFile, stat } from "node:fs/promises";
import { type JsonValue, parseJson } from "@ctr/oci";
import { endpointOf } from "./endpoint.ts";
import { isRepository } from "./names.ts";
import type { Mirror } from "./registry.ts";
import { isRegistryError, printable, RegistryError } from "./registry-error.ts";

const maxBytes = 1024 * 1024;

/** What a file says of one registry. */
export interface RegistryEntry {
  /** Asked first, in this order. */
  readonly mirrors: readonly Pick<Mirror, "host" | "scheme" | "prefix">[];
  /** It may have any certificate, or speak plain HTTP. */
  readonly insecure: boolean;
}

/**
 * Read which registries have mirrors and which are insecure:
 *
 *     { "docker.io": { "mirrors": ["http://10.0.0.2:5000", "cache.example/hub"] }, "10.0.0.2:5000": { "insecure": true } }
 *
 * A mirror is a host with, if need be, a scheme before it and a prefix of all repositories behind it.
 *
 * @returns by host; empty when there is no such file
 * @throws {RegistryError} `ERR_REGISTRY_CONFIG` with the path and the key that is wrong
 */
export async function readRegistriesFile(path: string): Promise<ReadonlyMap<string, RegistryEntry>> {
  const wrong = (why: string): RegistryError =>
    new RegistryError("ERR_REGISTRY_CONFIG", `cannot use ${path}: ${why}`, { host: "" });
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw wrong(`it has ${size} bytes`);
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw isRegistryError(error) ? error : wrong((error as Error).message);
  }
  let document: JsonValue;
  try {
    document = parseJson(bytes, maxBytes);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (!isObject(document)) throw wrong("it is no JSON object");
  return new Map(Object.entries(document).map(([host, entry]) => [host, readEntry(host, entry, wrong)]));
}

type Wrong = (why: string) => RegistryError;

function readEntry(host: string, entry: JsonValue, wrong: Wrong): RegistryEntry {
  const at = JSON.stringify(printable(host));
  checkHost(host, (why) => wrong(`${at}: ${why}`));
  if (!isObject(entry)) throw wrong(`${at} is no object`);
  for (const key of Object.keys(entry))
    if (key !== "mirrors" && key !== "insecure")
      throw wrong(`${at}.${JSON.stringify(printable(key))} is not known; there are "mirrors" and "insecure"`);
  const { mirrors = [], insecure = false } = entry;
  if (typeof insecure !== "boolean") throw wrong(`${at}.insecure is neither true nor false`);
  if (!Array.isArray(mirrors)) throw wrong(`${at}.mirrors is no array`);
  return {
    insecure,
    mirrors: mirrors.map((it, number) => readMirror(it, (why) => wrong(`${at}.mirrors[${number}] ${why}`))),
  };
}

function readMirror(value: JsonValue, wrong: Wrong): RegistryEntry["mirrors"][number] {
  if (typeof value !== "string") throw wrong("is no text");
  const match = /^(?:(https?):\/\/)?([^/]{1,300})(?:\/(.*?))?\/?$/.exec(value.slice(0, 1000));
  const [, scheme, host, prefix] = match ?? [];
  if (host === undefined) throw wrong(`is ${JSON.stringify(printable(value))}; write [http://]host[:port][/prefix]`);
  checkHost(host, wrong);
  if (prefix !== undefined && prefix !== "" && !isRepository(prefix))
    throw wrong(`has the prefix ${JSON.stringify(printable(prefix))}, which is no repository name`);
  return {
    host,
    scheme: scheme as "http" | "https" | undefined,
    prefix: prefix === "" ? undefined : prefix,
  };
}

function checkHost(host: string, wrong: Wrong): void {
  try {
    endpointOf(host);
  } catch {
    throw wrong(`${JSON.stringify(printable(host))} is no registry host`);
  }
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
