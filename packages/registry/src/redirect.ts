import { isLoopbackHost } from "./endpoint.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "./http-client.ts";
import { printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { discardBody } from "./response-body.ts";

const maxRedirects = 5;

/**
 * Send a GET or HEAD and follow redirects by hand. As soon as one leaves the origin of the request, the
 * Authorization header stays behind for good (CVE-2020-15157 and its siblings). Other methods are not
 * followed: what they would send is not meant for another place.
 *
 * @throws {RegistryError} `ERR_REGISTRY_REDIRECT`
 */
export async function sendFollowing(
  client: HttpClient,
  request: HttpRequest,
  at: RegistryErrorDetails,
): Promise<HttpResponse> {
  let current = request;
  for (let hops = 0; ; hops++) {
    const response = await client.send(current);
    if (![301, 302, 303, 307, 308].includes(response.status)) return response;
    const details = { ...at, status: response.status };
    await discardBody(response, client.idleMillis);
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new RegistryError(
        "ERR_REGISTRY_REDIRECT",
        `a ${request.method} was redirected; it is not repeated elsewhere`,
        details,
      );
    if (hops === maxRedirects)
      throw new RegistryError(
        "ERR_REGISTRY_REDIRECT",
        `more than ${maxRedirects} redirects, probably in a loop`,
        details,
      );
    current = { ...current, ...redirected(current, response, details) };
  }
}

function redirected(
  request: HttpRequest,
  response: HttpResponse,
  at: RegistryErrorDetails,
): Pick<HttpRequest, "url" | "headers"> {
  const url = checkTarget(response.headers.location, request.url, at);
  const { authorization, ...rest } = request.headers ?? {};
  const keep = authorization !== undefined && url.origin === request.url.origin;
  return { url, headers: keep ? { ...rest, authorization } : rest };
}

/**
 * A `Location`, resolved and judged: never from HTTPS to plain HTTP, and never from another machine's
 * word to this machine's loopback or link-local services.
 *
 * @throws {RegistryError} `ERR_REGISTRY_REDIRECT`
 */
export function checkTarget(location: string | undefined, from: URL, at: RegistryErrorDetails): URL {
  const refuse = (why: string): RegistryError => new RegistryError("ERR_REGISTRY_REDIRECT", why, at);
  if (location === undefined) throw refuse("the answer names no Location");
  if (location.length > 8192 || !URL.canParse(location, from.href))
    throw refuse(`the Location ${JSON.stringify(printable(location))} is no address`);
  const url = new URL(location, from);
  const name = JSON.stringify(printable(`${url.protocol}//${url.host}`));
  if (url.protocol !== "https:" && url.protocol !== "http:") throw refuse(`it points to ${name}, which is not HTTP`);
  if (url.protocol === "http:" && from.protocol === "https:")
    throw refuse(`it leads from HTTPS to plain HTTP at ${name}`);
  if (url.username !== "" || url.password !== "") throw refuse(`the address at ${name} carries a password of its own`);
  if (!isLoopbackHost(from.hostname) && isLocalAddress(url.hostname))
    throw refuse(`it leads from another machine to ${name}, an address of this one or its host`);
  return url;
}

/** Loopback, unspecified and link-local literals; the last are where clouds keep their machines' credentials. */
function isLocalAddress(hostname: string): boolean {
  return (
    isLoopbackHost(hostname) ||
    /^(?:0\.|169\.254\.)/.test(hostname) ||
    /^\[(?:::|fe[89ab][0-9a-f]:.*|::ffff:.*)\]$/i.test(hostname) ||
    hostname.toLowerCase().endsWith(".localhost")
  );
}
