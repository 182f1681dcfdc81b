import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TlsOptions } from "./http-client.ts";
import { RegistryError } from "./registry-error.ts";

//  <directory>/<host>[:<port>]/ca.crt          every *.crt is trusted for this host
//                              client.cert     shown to it,
//                              client.key      with the key of the same name

const maxFileBytes = 1024 * 1024;

/**
 * The certificates that `certs.d` directories hold for a host, in Docker's arrangement. Authorities of all
 * directories count; the client certificate is the first one found.
 *
 * @param directories  Most important first: `/etc/docker/certs.d`, for instance. One that is missing holds nothing.
 * @returns undefined when there is nothing for this host
 * @throws {RegistryError} `ERR_REGISTRY_CONFIG` for a certificate without its key, and for files that cannot be read
 * @see https://docs.docker.com/engine/security/certificates/
 */
export async function readCertificates(
  host: string,
  directories: readonly string[],
): Promise<Pick<TlsOptions, "ca" | "clientCertificate"> | undefined> {
  // The name of a directory; `..` would be another one.
  if (!/^[A-Za-z0-9[][A-Za-z0-9.:[\]-]*$/.test(host)) return undefined;
  const authorities: string[] = [];
  let clientCertificate: TlsOptions["clientCertificate"];
  for (const directory of directories.map((it) => join(it, host))) {
    const names = await namesIn(directory);
    for (const name of names.filter((it) => it.endsWith(".crt"))) authorities.push(await readPem(directory, name));
    clientCertificate ??= await readPair(directory, names);
  }
  if (authorities.length === 0 && clientCertificate === undefined) return undefined;
  return { ...(authorities.length === 0 ? {} : { ca: authorities.join("\n") }), clientCertificate };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).toSorted();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw unusable(directory, (error as Error).message);
  }
}

async function readPair(directory: string, names: readonly string[]): Promise<TlsOptions["clientCertificate"]> {
  const certName = names.find((it) => it.endsWith(".cert"));
  if (certName === undefined) return undefined;
  const keyName = `${certName.slice(0, -".cert".length)}.key`;
  if (!names.includes(keyName)) throw unusable(join(directory, certName), `its key ${keyName} is not beside it`);
  return { cert: await readPem(directory, certName), key: await readPem(directory, keyName) };
}

async function readPem(directory: string, name: string): Promise<string> {
  const path = join(directory, name);
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > maxFileBytes) throw new Error(`it has ${size} bytes`);
    text = await readFile(path, "utf8");
  } catch (error) {
    throw unusable(path, (error as Error).message);
  }
  if (!text.includes("-----BEGIN ")) throw unusable(path, "it is no PEM file");
  return text;
}

function unusable(path: string, why: string): RegistryError {
  return new RegistryError("ERR_REGISTRY_CONFIG", `cannot use ${path}: ${why}`, { host: "" });
}
