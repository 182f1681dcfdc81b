import { Authorizer } from "./authorization.ts";
import type { CredentialLookup } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "./http-client.ts";
import { checkRepository } from "./names.ts";
import { sendFollowing } from "./redirect.ts";
import { isRegistryError, printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { discardBody, refusalText } from "./response-body.ts";
import { backOffMillis, isPassing, isPassingStatus, pause, type RetryPolicy, retryAfterMillis } from "./retry.ts";

/** One request to a registry, in the registry's terms. */
export interface Call extends Pick<HttpRequest, "method" | "headers" | "body" | "signal"> {
  /** Below the registry's root, `v2/…`, or a full URL that the registry gave us. */
  readonly url: string | URL;
  /** What a token must allow: `repository:app:pull`. */
  readonly scopes: readonly string[];
  /** For messages. */
  readonly object: string;
  /** Statuses that the caller understands; every other becomes an error. */
  readonly expect: readonly number[];
  /** Attempts, when not those of the policy. */
  readonly attempts?: number;
}

/** Requests to one registry: authorized, repeated when that helps, refusals turned into errors. */
export class Transport {
  readonly endpoint: Endpoint;
  readonly client: HttpClient;
  readonly policy: RetryPolicy;
  readonly #authorizer: Authorizer;
  readonly #prefix: string | undefined;
  #isGivenUp = false;

  /** @param o.prefix  Put before every repository. */
  constructor(o: {
    readonly endpoint: Endpoint;
    readonly client: HttpClient;
    readonly policy: RetryPolicy;
    readonly credentials: CredentialLookup | undefined;
    readonly prefix: string | undefined;
  }) {
    this.endpoint = o.endpoint;
    this.client = o.client;
    this.policy = o.policy;
    this.#authorizer = new Authorizer(o.endpoint, o.client, o.credentials);
    this.#prefix = o.prefix;
  }

  /** What a repository is called here. @throws {RegistryError} `ERR_REGISTRY_ARGUMENT` */
  repository(name: string): string {
    return checkRepository(this.endpoint.host, this.#prefix === undefined ? name : `${this.#prefix}/${name}`);
  }

  /** It does not answer, or sent wrong bytes: whoever has another place to ask does not ask here again. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  giveUpAfter(error: RegistryError): void {
    this.#isGivenUp ||= error.code === "ERR_REGISTRY_CONNECTION" || error.code === "ERR_REGISTRY_DIGEST";
  }

  /** @throws {RegistryError}, or the signal's reason */
  async send(call: Call): Promise<HttpResponse> {
    const at: RegistryErrorDetails = { host: this.endpoint.host, object: call.object };
    const attempts = call.attempts ?? this.policy.attempts;
    for (let attempt = 1; ; attempt++) {
      call.signal?.throwIfAborted();
      const isLast = attempt >= attempts;
      let response: HttpResponse;
      try {
        response = await this.#authorized(call, at);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (isLast || !mayPass(error)) throw isRegistryError(error) ? error : connectionFailure(error, attempt, at);
        await pause(backOffMillis(this.policy, attempt + 1, Math.random()), call.signal);
        continue;
      }
      if (call.expect.includes(response.status)) return response;
      const asked = retryAfterMillis(response.headers["retry-after"], Date.now());
      const isTooLong = asked !== undefined && asked > this.policy.maxDelayMillis;
      if (isLast || isTooLong || !isPassingStatus(response.status)) throw await this.#refusal(response, at, asked);
      await discardBody(response, this.client.idleMillis);
      await pause(asked ?? backOffMillis(this.policy, attempt + 1, Math.random()), call.signal);
    }
  }

  async #authorized(call: Call, at: RegistryErrorDetails): Promise<HttpResponse> {
    const url = typeof call.url === "string" ? new URL(call.url, this.endpoint.url) : call.url;
    const isOwn = url.origin === this.endpoint.url.origin;
    for (let isRepeated = false; ; isRepeated = true) {
      const authorization = isOwn ? await this.#authorizer.header(call.scopes, call.signal) : undefined;
      const headers = {
        "accept-encoding": "identity",
        ...call.headers,
        ...(authorization === undefined ? {} : { authorization }),
      };
      const { method, body, signal } = call;
      const response = await sendFollowing(
        this.client,
        { method, url, headers, signal, ...(body === undefined ? {} : { body }) },
        at,
      );
      // Only the registry itself is asked for its challenge, never the place it redirected to.
      const isOwnAnswer = response.url.origin === this.endpoint.url.origin;
      if (response.status !== 401 || !isOwnAnswer || isRepeated) return response;
      if (!(await this.#authorizer.learn(response.headers["www-authenticate"], call.scopes, authorization)))
        return response;
      await discardBody(response, this.client.idleMillis);
    }
  }

  async #refusal(
    response: HttpResponse,
    at: RegistryErrorDetails,
    retryAfter: number | undefined,
  ): Promise<RegistryError> {
    const { status } = response;
    const words = await refusalText(response, this.client.idleMillis);
    const said = words === undefined ? `status ${status}` : `status ${status} (${words})`;
    const details = { ...at, status };
    switch (status) {
      case 401:
        return new RegistryError("ERR_REGISTRY_DENIED", `${said}; log in, or check the credentials`, details);
      case 403:
        return new RegistryError("ERR_REGISTRY_DENIED", `${said}; these credentials do not allow it`, details);
      case 404:
        return new RegistryError("ERR_REGISTRY_NOT_FOUND", `not found: ${said}`, details);
      case 429: {
        const pauseText = retryAfter === undefined ? "later" : `in ${Math.ceil(retryAfter / 1000)} s`;
        return new RegistryError("ERR_REGISTRY_BUSY", `too many requests: ${said}; try again ${pauseText}`, details);
      }
      case 400: {
        // What a server of TLS says when it is spoken to in clear.
        const hint = this.endpoint.url.protocol === "http:" && words === undefined ? "; does it speak HTTPS?" : "";
        return new RegistryError("ERR_REGISTRY_STATUS", `refused: ${said}${hint}`, details);
      }
      default:
        return new RegistryError("ERR_REGISTRY_STATUS", `unexpected answer: ${said}`, details);
    }
  }
}

/** Whether what happened may well not happen again; also for a token service's answer. */
function mayPass(error: unknown): boolean {
  if (!isRegistryError(error)) return isPassing(error);
  return error.status !== undefined && isPassingStatus(error.status);
}

function connectionFailure(error: unknown, attempts: number, at: RegistryErrorDetails): RegistryError {
  // An AggregateError of several addresses has no message of its own.
  const inner = error instanceof AggregateError && error.message === "" ? error.errors[0] : error;
  const what = printable(inner instanceof Error ? inner.message : String(inner));
  const times = attempts === 1 ? "" : ` after ${attempts} attempts`;
  const hint = /wrong version number|packet length too long|EPROTO/.test(what) ? "; does it speak plain HTTP?" : "";
  return new RegistryError("ERR_REGISTRY_CONNECTION", `no answer${times}: ${what}${hint}`, { ...at, cause: error });
}
