import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicAuthorization, type CredentialLookup, type Credentials } from "./credentials.ts";
import { type Endpoint, isConfidential, isLoopbackHost } from "./endpoint.ts";
import type { HttpClient } from "./http-client.ts";
import { checkTarget } from "./redirect.ts";
import { isRegistryError, printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { requestToken } from "./token.ts";

//  request ──▶ 401 + challenge ──▶ token service (realm) ──▶ token for a scope ──▶ request again
//                                   gets the password          kept until it ends
//
// A password goes to two places only: the registry's own origin (Basic), and the realm its own challenge
// names (Bearer); both over TLS, or without leaving the machine. A redirect's challenge is not answered.

/** What a registry has asked for so far. */
type Demand =
  | { readonly kind: "none" }
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly realm: URL; readonly service: string | undefined };

type HeldToken = { readonly value: Promise<string>; expires: number };

/** Knows how to prove to one registry that we may do what we ask for. */
export class Authorizer {
  readonly #endpoint: Endpoint;
  readonly #client: HttpClient;
  readonly #lookup: () => Promise<Credentials | undefined>;
  readonly #tokens: Map<string, HeldToken> = new Map();
  #demand: Demand = { kind: "none" };

  constructor(endpoint: Endpoint, client: HttpClient, lookup: CredentialLookup | undefined) {
    this.#endpoint = endpoint;
    this.#client = client;
    let found: Promise<Credentials | undefined> | undefined;
    this.#lookup = () => {
      found ??= lookup === undefined ? Promise.resolve(undefined) : lookup(endpoint.host);
      return found;
    };
  }

  /**
   * The Authorization header for a request to the registry's own origin, or undefined as long as it has
   * not asked for one.
   */
  async header(scopes: readonly string[], signal: AbortSignal | undefined): Promise<string | undefined> {
    switch (this.#demand.kind) {
      case "none":
        return undefined;
      case "basic": {
        const credentials = await this.#lookup();
        if (credentials === undefined) return undefined;
        this.#refuseInClear();
        if ("password" in credentials) return basicAuthorization(credentials);
        return "registryToken" in credentials ? `Bearer ${credentials.registryToken}` : undefined;
      }
      case "bearer":
        return `Bearer ${await this.#token(this.#demand, scopes, signal)}`;
    }
  }

  /**
   * Take in the challenge of a 401 from the registry's own origin.
   *
   * @param sent  The Authorization header that was refused.
   * @returns whether the same request may succeed now
   * @throws {RegistryError} `ERR_REGISTRY_CHALLENGE`
   */
  async learn(header: string | undefined, scopes: readonly string[], sent: string | undefined): Promise<boolean> {
    const challenges = parseChallenges(header ?? "");
    if (challenges === undefined) throw this.#error("its WWW-Authenticate header is malformed");
    const bearer = challenges.find((it) => it.scheme === "bearer");
    if (bearer !== undefined) {
      this.#demand = this.#bearer(bearer);
      // A token may end before its time, so a refused one is replaced; the caller tries once.
      const isStale = this.#tokens.delete(scopeKey(scopes));
      return sent === undefined || isStale;
    }
    if (!challenges.some((it) => it.scheme === "basic")) return false;
    this.#demand = { kind: "basic" };
    return sent === undefined && (await this.#lookup()) !== undefined;
  }

  #bearer(challenge: Challenge): Demand {
    const realm = checkTarget(challenge.parameters.get("realm"), this.#endpoint.url, this.#details());
    const isOwnHost = realm.hostname === this.#endpoint.url.hostname;
    const isBothLoopback = this.#endpoint.isLoopback && isLoopbackHost(realm.hostname);
    if (realm.protocol !== "https:" && !isOwnHost && !isBothLoopback)
      throw this.#error(`its token service ${printable(realm.origin)} is another host and speaks plain HTTP`);
    return { kind: "bearer", realm, service: challenge.parameters.get("service") };
  }

  async #token(
    demand: Extract<Demand, { kind: "bearer" }>,
    scopes: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const key = scopeKey(scopes);
    const held = this.#tokens.get(key);
    if (held !== undefined && held.expires > Date.now()) {
      try {
        return await held.value;
      } catch (error) {
        signal?.throwIfAborted();
        // Whoever asked first may have been aborted or cut off; that is no answer to our question.
        if (isRegistryError(error)) throw error;
      }
    }
    const credentials = await this.#lookup();
    // A token that a password bought is as secret as the password.
    if (credentials !== undefined) this.#refuseInClear();
    if (credentials !== undefined && !isConfidential(demand.realm))
      throw this.#error(`its token service ${printable(demand.realm.origin)} would get the password over plain HTTP`);
    const request = requestToken(this.#client, { ...demand, scopes, credentials, signal, at: this.#details() });
    // Requests of the same scope that come meanwhile wait for this one.
    const entry: HeldToken = { value: request.then((it) => it.token), expires: Number.POSITIVE_INFINITY };
    this.#tokens.set(key, entry);
    try {
      entry.expires = Date.now() + (await request).lifeMillis;
    } catch (error) {
      if (this.#tokens.get(key) === entry) this.#tokens.delete(key);
      entry.value.catch(() => {});
      throw error;
    }
    return entry.value;
  }

  #refuseInClear(): void {
    if (!isConfidential(this.#endpoint.url))
      throw this.#error("it wants the password over plain HTTP; use HTTPS, or log out to go without");
  }

  #details(): RegistryErrorDetails {
    return { host: this.#endpoint.host, status: 401, object: "authorization" };
  }

  #error(message: string): RegistryError {
    return new RegistryError("ERR_REGISTRY_CHALLENGE", message, this.#details());
  }
}

function scopeKey(scopes: readonly string[]): string {
  return [...scopes].sort().join(" ");
}
