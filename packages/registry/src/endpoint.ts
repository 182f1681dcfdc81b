import { printable, RegistryError } from "./registry-error.ts";

/** Where a registry listens. */
export interface Endpoint {
  /** The host as the user writes it, the key of credentials: `docker.io`, `localhost:5000`. */
  readonly host: string;
  /** `https://registry-1.docker.io/` */
  readonly url: URL;
  /** Only this machine can listen in: plain HTTP is as good as TLS. */
  readonly isLoopback: boolean;
}

// Docker Hub's name is not the name of its registry.
const aliases: ReadonlyMap<string, string> = new Map([
  ["docker.io", "registry-1.docker.io"],
  ["index.docker.io", "registry-1.docker.io"],
]);

/**
 * The endpoint of a registry host. Loopback hosts speak plain HTTP, as with Docker, and all others
 * HTTPS, unless `scheme` says otherwise.
 *
 * @param host  Name or address, with a port if it is not the scheme's own: `ghcr.io`, `[::1]:5000`.
 * @throws {RegistryError} `ERR_REGISTRY_ARGUMENT`
 */
export function endpointOf(host: string, scheme?: "http" | "https"): Endpoint {
  if (!/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/.test(host)) throw noHost(host);
  const isLoopback = isLoopbackHost(host.replace(/:[0-9]+$/, ""));
  const name = aliases.get(host) ?? host;
  const text = `${scheme ?? (isLoopback ? "http" : "https")}://${name}/`;
  if (!URL.canParse(text)) throw noHost(host);
  const url = new URL(text);
  // `127.1` and `0x7f.0.0.1` name the loopback too, but only after the URL parser has read them.
  return { host, url, isLoopback: isLoopback || (scheme !== undefined && isLoopbackHost(url.hostname)) };
}

function noHost(host: string): RegistryError {
  return new RegistryError("ERR_REGISTRY_ARGUMENT", `${JSON.stringify(printable(host))} is no registry host`, {
    host: "",
  });
}

/** `localhost`, 127.0.0.0/8 and ::1, by name alone: nothing is looked up, since an answer of DNS is not to be trusted. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname.toLowerCase() === "localhost" ||
    /^127(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}$/.test(hostname) ||
    hostname === "[::1]" ||
    hostname === "::1"
  );
}

/** Whether secrets may travel to `url`: encrypted, or without leaving the machine. */
export function isConfidential(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname));
}
