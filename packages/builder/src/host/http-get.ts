import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { BuilderError } from "../builder-error.ts";
import { withoutPassword } from "../git-reference.ts";

/** Milliseconds without a byte after which a connection counts as dead. */
const idleMillis = 60_000;
const maxRedirects = 10; // as curl and Go allow

/** The head of an answer, its body still to come. */
export interface Answer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly contentDisposition: string | undefined;
  /** Chunks as they arrive. Ends the connection when it is left. */
  readonly body: () => AsyncGenerator<Uint8Array, void>;
  /** Not interested. */
  readonly discard: () => void;
}

export interface GetOptions {
  readonly url: URL;
  /** Only for the origin of `url`: a redirect to elsewhere leaves it behind for good. */
  readonly authorization?: string | undefined;
  /** Be told 304 when the answer still has this tag. */
  readonly ifNoneMatch?: string | undefined;
  /** More bytes are refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * GET over HTTP or HTTPS, redirects followed. Proxies are those of the environment.
 *
 * @throws {BuilderError} `ERR_BUILDER_DOWNLOAD`, also while the body is read
 * @see RFC 9110, sections 8.8.3, 13.1.2 and 15.4
 */
export async function httpGet(o: GetOptions): Promise<Answer> {
  const agents = makeAgents();
  let url = o.url;
  let isOwn = true;
  try {
    for (let hops = 0; ; hops++) {
      const response = await send(url, headersOf(o, url, isOwn), agents, o);
      const status = response.statusCode ?? 0;
      if (![301, 302, 303, 307, 308].includes(status)) return answerOf(response, o, agents.close);
      response.destroy();
      if (hops === maxRedirects) throw failure(o.url, `more than ${maxRedirects} redirects, probably in a loop`);
      const next = redirectTarget(response.headers.location, url, o.url);
      isOwn &&= next.origin === url.origin;
      url = next;
    }
  } catch (error) {
    agents.close();
    o.signal?.throwIfAborted();
    if (error instanceof BuilderError) throw error;
    throw failure(o.url, reasonOf(error), error);
  }
}

interface Agents {
  readonly plain: HttpAgent;
  readonly secure: HttpsAgent;
  readonly close: () => void;
}

function makeAgents(): Agents {
  const proxies = { proxyEnv: { ...process.env } };
  const plain = new HttpAgent(proxies);
  const secure = new HttpsAgent(proxies);
  const close = (): void => {
    plain.destroy();
    secure.destroy();
  };
  return { plain, secure, close };
}

function headersOf(o: GetOptions, url: URL, isOwn: boolean): Record<string, string> {
  const named = url.username !== "" || url.password !== "";
  const basic = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = isOwn
    ? named
      ? `Basic ${Buffer.from(basic).toString("base64")}`
      : o.authorization
    : undefined;
  return {
    "user-agent": "ctr-build",
    "accept-encoding": "identity",
    ...(authorization === undefined ? {} : { authorization }),
    ...(o.ifNoneMatch === undefined ? {} : { "if-none-match": o.ifNoneMatch }),
  };
}

function send(url: URL, headers: Record<string, string>, agents: Agents, o: GetOptions): Promise<IncomingMessage> {
  const { signal } = o;
  signal?.throwIfAborted();
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return new Promise((resolve, reject) => {
    const outgoing =
      url.protocol === "https:"
        ? httpsRequest(bare, { headers, agent: agents.secure })
        : httpRequest(bare, { headers, agent: agents.plain });
    let answer: IncomingMessage | undefined;
    const stop = (): void => void (answer ?? outgoing).destroy(new Error("aborted"));
    signal?.addEventListener("abort", stop, { once: true });
    outgoing.on("close", () => signal?.removeEventListener("abort", stop));
    outgoing.setTimeout(idleMillis, () => outgoing.destroy(new Error(`nothing happened for ${idleMillis / 1000} s`)));
    outgoing.on("error", reject); // after an answer nobody listens any more
    outgoing.on("response", (response) => {
      answer = response;
      response.on("error", () => {}); // whoever reads the body is told; without a listener the process would end
      resolve(response);
    });
    outgoing.end();
  });
}

/** Where a redirect leads. A server elsewhere must not point at what only this machine can reach, nor down from TLS. */
function redirectTarget(location: string | undefined, from: URL, asked: URL): URL {
  const refuse = (why: string): BuilderError => failure(asked, `its redirect ${why}`);
  if (location === undefined) throw refuse("names no Location");
  if (location.length > 8192 || !URL.canParse(location, from.href)) throw refuse("leads to what is no address");
  const url = new URL(location, from);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw refuse(`leads to ${url.protocol}, which is not HTTP`);
  if (url.protocol === "http:" && from.protocol === "https:") throw refuse("leads from HTTPS to plain HTTP");
  if (url.username !== "" || url.password !== "") throw refuse("carries a password of its own");
  if (!isLocal(from.hostname) && isLocal(url.hostname)) throw refuse("leads to an address of this machine or its host");
  return url;
}

/** Loopback, unspecified and link-local; the last are where clouds keep their machines' credentials. */
function isLocal(hostname: string): boolean {
  const name = hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isIP(name) === 4) return /^(?:127\.|0\.|169\.254\.)/.test(name);
  return isIP(name) === 6 && /^(?:::1?$|fe[89ab][0-9a-f]:|::ffff:)/.test(name);
}

function answerOf(response: IncomingMessage, o: GetOptions, close: () => void): Answer {
  const { headers } = response;
  const status = response.statusCode ?? 0;
  const discard = (): void => {
    response.destroy();
    close();
  };
  const isWanted = status === 200 || (status === 304 && o.ifNoneMatch !== undefined);
  if (!isWanted) {
    discard();
    throw failure(o.url, `invalid response status ${status}`);
  }
  return {
    status,
    etag: headers.etag,
    lastModified: headers["last-modified"],
    contentDisposition: headers["content-disposition"],
    body: () => readBody(response, o, discard),
    discard,
  };
}

async function* readBody(
  response: IncomingMessage,
  o: GetOptions,
  discard: () => void,
): AsyncGenerator<Uint8Array, void> {
  const announced = response.headers["content-length"];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > o.maxBytes) throw failure(o.url, `it has more than ${o.maxBytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    o.signal?.throwIfAborted();
    if (error instanceof BuilderError) throw error;
    throw failure(o.url, reasonOf(error), error);
  } finally {
    discard();
  }
  if (announced !== undefined && Number(announced) !== size)
    throw failure(o.url, `the connection ended after ${size} of ${announced} bytes`);
}

function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError && error.message === "" ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}

function failure(url: URL, why: string, cause?: unknown): BuilderError {
  const message = `failed to load ${withoutPassword(url.href)}: ${why}`;
  return new BuilderError({ code: "ERR_BUILDER_DOWNLOAD", message, cause });
}
