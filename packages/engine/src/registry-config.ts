import { homedir } from "node:os";
import { join } from "node:path";
import {
  credentialsFromConfig,
  detectScheme,
  type Mirror,
  type RegistryEntry,
  type RegistryOptions,
  readCertificates,
  readRegistriesFile,
} from "@ctr/registry";
import { credentialFile } from "./credential-file.ts";
import type { RegistryPlace } from "./registry-options.ts";

//  <root>/registries.json                          mirrors, and which hosts are insecure
//  <root>/certs.d/<host>/  ~/.config/ctr/certs.d/<host>/  /etc/docker/certs.d/<host>/
//                                                  authorities and client certificates, as Docker keeps them

/**
 * How to reach a registry from a state directory: mirrors, certificates, proxies, and the credentials that
 * `login` kept.
 *
 * @throws {RegistryError} `ERR_REGISTRY_CONFIG`
 */
export async function readRegistryOptions(o: RegistryPlace): Promise<RegistryOptions> {
  const entries = await readRegistriesFile(join(o.root, "registries.json"));
  const mirrors: Mirror[] = [];
  for (const mirror of entries.get(o.host)?.mirrors ?? [])
    mirrors.push({ ...(await reach({ ...o, ...mirror }, entries)), prefix: mirror.prefix });
  return {
    ...(await reach(o, entries)),
    mirrors,
    credentials: credentialsFromConfig(credentialFile()),
    proxy: process.env,
    signal: o.signal,
  };
}

/** How to speak with one host. Each mirror has certificates of its own, or none. */
async function reach(
  o: Pick<Mirror, "host" | "scheme"> & { readonly root: string; readonly signal?: AbortSignal | undefined },
  entries: ReadonlyMap<string, RegistryEntry>,
): Promise<Mirror> {
  const { host, signal } = o;
  const certificates = await readCertificates(host, certificateDirectories(o.root));
  const insecure = entries.get(host)?.insecure === true;
  // Whoever keeps certificates for a host means HTTPS, on loopback too.
  const usual = o.scheme ?? (certificates === undefined ? undefined : "https");
  const scheme = usual === undefined && insecure ? await detectScheme({ host, proxy: process.env, signal }) : usual;
  return { host, scheme, insecure, ...certificates };
}

function certificateDirectories(root: string): readonly string[] {
  const own = process.env.XDG_CONFIG_HOME ?? `${homedir()}/.config`;
  return [join(root, "certs.d"), join(own, "ctr", "certs.d"), "/etc/docker/certs.d"];
}
