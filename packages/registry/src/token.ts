import { parseJson } from "@ctr/oci";
import { basicAuthorization, type Credentials } from "./credentials.ts";
import type { HttpClient, HttpRequest } from "./http-client.ts";
import { sendFollowing } from "./redirect.ts";
import { RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { readBody, refusalText } from "./response-body.ts";

const maxAnswerBytes = 1024 * 1024;
const defaultLifeSeconds = 60;
const maxLifeSeconds = 24 * 3600;
// A token that ends while a request is under way is of no use.
const reserveSeconds = 5;

/** What a token service is asked for. */
export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  /** `repository:library/busybox:pull` */
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal | undefined;
  readonly at: RegistryErrorDetails;
}

/**
 * Get a bearer token from the service that a challenge named.
 *
 * @throws {RegistryError} `ERR_REGISTRY_DENIED`, `ERR_REGISTRY_CHALLENGE`
 * @see distribution docs/content/spec/auth/token.md and oauth.md
 */
export async function requestToken(
  client: HttpClient,
  o: TokenRequest,
): Promise<{ readonly token: string; readonly lifeMillis: number }> {
  if (o.credentials !== undefined && "registryToken" in o.credentials)
    return { token: o.credentials.registryToken, lifeMillis: defaultLifeSeconds * 1000 };
  const at = { ...o.at, object: `token service ${o.realm.host}` };
  const response = await sendFollowing(client, httpRequest(o, o.credentials), at);
  if (response.status !== 200) {
    const words = await refusalText(response, client.idleMillis);
    const isDenial = response.status === 401 || response.status === 403 || response.status === 400;
    throw new RegistryError(
      isDenial ? "ERR_REGISTRY_DENIED" : "ERR_REGISTRY_STATUS",
      `no token for ${o.scopes.join(" ") || "the registry"}: status ${response.status}${words === undefined ? "" : ` (${words})`}${isDenial ? "; log in with other credentials" : ""}`,
      { ...at, status: response.status },
    );
  }
  const body = await readBody(response, { maxBytes: maxAnswerBytes, idleMillis: client.idleMillis, at });
  return readToken(body, at);
}

function httpRequest(
  o: TokenRequest,
  credentials: Exclude<Credentials, { registryToken: string }> | undefined,
): HttpRequest {
  const query = new URLSearchParams(o.service === undefined ? {} : { service: o.service });
  if (credentials !== undefined && "identityToken" in credentials) {
    query.set("grant_type", "refresh_token");
    query.set("client_id", "ctr");
    query.set("scope", o.scopes.join(" "));
    query.set("refresh_token", credentials.identityToken);
    const form = Buffer.from(query.toString());
    return {
      method: "POST",
      url: o.realm,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: { size: form.length, open: () => [form] },
      signal: o.signal,
    };
  }
  const url = new URL(o.realm);
  for (const [name, value] of query) url.searchParams.set(name, value);
  for (const scope of o.scopes) url.searchParams.append("scope", scope);
  const authorization = credentials === undefined ? {} : { authorization: basicAuthorization(credentials) };
  return { method: "GET", url, headers: { accept: "application/json", ...authorization }, signal: o.signal };
}

function readToken(body: Buffer, at: RegistryErrorDetails): { readonly token: string; readonly lifeMillis: number } {
  const wrong = (why: string, cause?: unknown): RegistryError =>
    new RegistryError("ERR_REGISTRY_CHALLENGE", `its answer ${why}`, { ...at, cause });
  let answer: unknown;
  try {
    answer = parseJson(body, maxAnswerBytes);
  } catch (error) {
    throw wrong("is no JSON document", error);
  }
  if (typeof answer !== "object" || answer === null) throw wrong("is no JSON object");
  const { token, access_token: accessToken, expires_in: seconds } = answer as Record<string, unknown>;
  const value = token === undefined || token === "" ? accessToken : token;
  // RFC 6750's characters; anything else could end the header line it is put into.
  if (typeof value !== "string" || !/^[A-Za-z0-9._~+/=-]{1,65536}$/.test(value)) throw wrong("holds no usable token");
  const life = typeof seconds === "number" && seconds > 0 ? Math.min(seconds, maxLifeSeconds) : defaultLifeSeconds;
  return { token: value, lifeMillis: Math.max(life - reserveSeconds, 1) * 1000 };
}
