import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { pipeline } from "node:stream/promises";
import { isLoopbackHost } from "./endpoint.ts";

/** A request body that can be sent again from its beginning. */
export interface HttpBody {
  /** Bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The URL that answered, after redirects. */
  readonly url: URL;
  readonly body: IncomingMessage;
}

export interface TlsOptions {
  /** PEM certificates to trust beside the usual ones. */
  readonly ca?: string | undefined;
  /** PEM; shown to the registry's own host only. */
  readonly clientCertificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Take any certificate of the registry's own host. */
  readonly insecure?: boolean | undefined;
}

/** The variables that name proxies: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, or in lower case; `process.env` has them. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>;

export interface HttpClientOptions extends TlsOptions {
  readonly origin: string;
  readonly userAgent: string;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleMillis: number;
  readonly proxy?: ProxyEnvironment | undefined;
}

/** Sends one request and follows nothing. Connections are kept until `close`. */
export interface HttpClient {
  readonly idleMillis: number;
  send(request: HttpRequest): Promise<HttpResponse>;
  close(): void;
}

// Enough for parallel layers of one image and the documents beside them.
const agentOptions = { keepAlive: true, maxSockets: 32, maxFreeSockets: 8 } as const;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const direct = new Agents(options, undefined);
  // What stays on this machine needs nobody to carry it.
  const proxied = options.proxy === undefined ? direct : new Agents(options, options.proxy);
  return {
    idleMillis: options.idleMillis,
    send: async (request) => {
      const agents = isLoopbackHost(request.url.hostname) ? direct : proxied;
      return exchange(request, options, await agents.senderFor(request.url));
    },
    close: () => {
      for (const agents of [direct, proxied]) agents.close();
    },
  };
}

type Send = (url: URL, options: RequestOptions) => ClientRequest;

class Agents {
  readonly #options: HttpClientOptions;
  readonly #common: object;
  readonly #plain: Agent;
  #secure: Promise<{ readonly own: Send; readonly foreign: Send }> | undefined;
  readonly #open: Agent[] = [];

  constructor(options: HttpClientOptions, proxy: ProxyEnvironment | undefined) {
    this.#options = options;
    this.#common = { ...agentOptions, ...(proxy === undefined ? {} : { proxyEnv: { ...proxy } }) };
    this.#plain = new Agent(this.#common);
    this.#open.push(this.#plain);
  }

  async senderFor(url: URL): Promise<Send> {
    if (url.protocol !== "https:") return (to, options) => httpRequest(to, { ...options, agent: this.#plain });
    this.#secure ??= this.#openSecure();
    const { own, foreign } = await this.#secure;
    return url.origin === this.#options.origin ? own : foreign;
  }

  /** TLS takes longer to load than all else of a request, and a registry on this machine needs none. */
  async #openSecure(): Promise<{ readonly own: Send; readonly foreign: Send }> {
    const { Agent: SecureAgent, request } = await import("node:https");
    const { rootCertificates } = await import("node:tls");
    const { ca, clientCertificate, insecure } = this.#options;
    const trust = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
    const own = new SecureAgent({
      ...this.#common,
      ...trust,
      ...clientCertificate,
      rejectUnauthorized: insecure !== true,
    });
    // A token service or a blob's real place may be another host: it gets neither our certificate nor blind trust.
    const foreign = new SecureAgent({ ...this.#common, ...trust });
    this.#open.push(own, foreign);
    return {
      own: (url, options) => request(url, { ...options, agent: own }),
      foreign: (url, options) => request(url, { ...options, agent: foreign }),
    };
  }

  close(): void {
    for (const agent of this.#open) agent.destroy();
  }
}

/** Resolves at the head of the answer, which may come before the body is sent. */
function exchange(request: HttpRequest, options: HttpClientOptions, send: Send): Promise<HttpResponse> {
  const { url, method, body, signal } = request;
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const headers: Record<string, string> = { "user-agent": options.userAgent, ...request.headers };
  if (body !== undefined) headers["content-length"] = String(body.size);
  else if (method === "POST" || method === "PUT" || method === "PATCH") headers["content-length"] = "0";

  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method, headers });
    let answer: IncomingMessage | undefined;
    // Not the `signal` option of node:http, which after an early end of the answer destroys the socket with an
    // error that nobody listens to.
    const abort = (): void => void (answer ?? outgoing).destroy(asError(signal?.reason));
    signal?.addEventListener("abort", abort, { once: true });
    outgoing.on("close", () => signal?.removeEventListener("abort", abort));
    outgoing.setTimeout(options.idleMillis, () =>
      outgoing.destroy(connectionError(`nothing happened for ${options.idleMillis / 1000} s`)),
    );
    outgoing.on("error", (error) => {
      if (answer === undefined) reject(signal?.aborted === true ? signal.reason : error);
    });
    outgoing.on("response", (response) => {
      answer = response;
      // From here the reader of the body watches the clock: a slow consumer is no dead connection.
      outgoing.setTimeout(0);
      // The body's reader gets its errors; without a listener an abort between two reads would end the process.
      response.on("error", () => {});
      resolve({ status: response.statusCode ?? 0, headers: response.headers, url, body: response });
    });
    if (body === undefined) outgoing.end();
    else
      pipeline(body.open(), outgoing).catch((error: unknown) => {
        // The source failed, or the other side answered early and hung up: then the answer tells more.
        outgoing.destroy();
        if (answer === undefined) reject(signal?.aborted === true ? signal.reason : error);
      });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}

/** Like what node:net throws for a lost connection, so that it is tried again in the same way. */
export function connectionError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}
