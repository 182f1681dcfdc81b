import { endpointOf } from "./endpoint.ts";
import { createHttpClient, type ProxyEnvironment } from "./http-client.ts";

/** Milliseconds for an answer over HTTPS. */
const patienceMillis = 10_000;

/**
 * Find out how a registry that is known to be insecure speaks: HTTPS, with whatever certificate, if it
 * answers so at all; else plain HTTP.
 *
 * @throws the signal's reason
 */
export async function detectScheme(o: {
  readonly host: string;
  readonly proxy?: ProxyEnvironment | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<"http" | "https"> {
  const { url } = endpointOf(o.host, "https");
  const client = createHttpClient({
    origin: url.origin,
    insecure: true,
    userAgent: "ctr",
    idleMillis: patienceMillis,
    proxy: o.proxy,
  });
  try {
    const response = await client.send({ method: "GET", url: new URL("v2/", url), signal: o.signal });
    response.body.destroy();
    return "https";
  } catch {
    o.signal?.throwIfAborted();
    return "http";
  } finally {
    client.close();
  }
}
