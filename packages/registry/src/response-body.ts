import { parseRegistryErrors } from "@ctr/oci";
import { connectionError, type HttpResponse } from "./http-client.ts";
import { printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";

// A trickle of single bytes keeps a connection alive for ever; less than this per idle time is a dead one.
const minBytes = 4096;

/**
 * The chunks of a body. Only time spent waiting for the network counts as idle. Leaving the loop early
 * closes the connection.
 */
export async function* bodyChunks(response: HttpResponse, idleMillis: number): AsyncGenerator<Buffer, void, undefined> {
  const clock = new IdleClock(idleMillis, (error) => response.body.destroy(error));
  const iterator = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      clock.wait();
      const next = await iterator.next();
      if (next.done === true) return;
      clock.arrived(next.value.length);
      yield next.value;
    }
  } finally {
    clock.stop();
    if (!response.body.complete) response.body.destroy();
  }
}

/** Ends a connection that brings too little while we wait for it. One timer serves all the chunks of a body. */
class IdleClock {
  readonly #timer: NodeJS.Timeout;
  #waitingSince: number | undefined;
  /** Milliseconds waited, and bytes that came, since enough of them came last. */
  #waited = 0;
  #received = 0;

  constructor(idleMillis: number, end: (error: Error) => void) {
    this.#timer = setInterval(() => {
      const now = this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince;
      if (this.#waited + now >= idleMillis)
        end(connectionError(`fewer than ${minBytes} bytes in ${idleMillis / 1000} s`));
    }, idleMillis / 4);
  }

  wait(): void {
    this.#waitingSince = performance.now();
  }

  arrived(bytes: number): void {
    this.#waited += performance.now() - (this.#waitingSince ?? 0);
    this.#waitingSince = undefined;
    this.#received += bytes;
    if (this.#received < minBytes) return;
    this.#received = 0;
    this.#waited = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/**
 * A whole body of at most `maxBytes`.
 *
 * @throws {RegistryError} `ERR_REGISTRY_LIMIT` as soon as the length is announced or exceeded
 */
export async function readBody(
  response: HttpResponse,
  o: { readonly maxBytes: number; readonly idleMillis: number; readonly at: RegistryErrorDetails },
): Promise<Buffer> {
  const tooLong = (size: string): RegistryError =>
    new RegistryError("ERR_REGISTRY_LIMIT", `the answer has ${size} bytes; more than ${o.maxBytes} are refused`, o.at);
  const announced = Number(response.headers["content-length"] ?? 0);
  if (announced > o.maxBytes) {
    response.body.destroy();
    throw tooLong(String(announced));
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bodyChunks(response, o.idleMillis)) {
    size += chunk.length;
    if (size > o.maxBytes) throw tooLong(`over ${o.maxBytes}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Free the connection of an answer whose body nobody wants: a short rest is read, a long one is cut off. */
export async function discardBody(response: HttpResponse, idleMillis: number): Promise<void> {
  try {
    await readBody(response, { maxBytes: 64 * 1024, idleMillis, at: { host: "" } });
  } catch {
    response.body.destroy();
  }
}

/** The registry's own words about a refusal, or undefined when it has none that can be understood. */
export async function refusalText(response: HttpResponse, idleMillis: number): Promise<string | undefined> {
  try {
    const body = await readBody(response, { maxBytes: 64 * 1024, idleMillis, at: { host: "" } });
    const { errors } = parseRegistryErrors(body);
    const words = errors.slice(0, 3).map((it) => (it.message === undefined ? it.code : `${it.code}: ${it.message}`));
    return words.length === 0 ? undefined : printable(words.join("; "), 300);
  } catch {
    return undefined;
  }
}
