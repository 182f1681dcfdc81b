import { createHash } from "node:crypto";
import { type Descriptor, digestAlgorithm, digestHex } from "@ctr/oci";
import type { HttpResponse } from "./http-client.ts";
import { checkRepository } from "./names.ts";
import { isRegistryError, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { bodyChunks, discardBody } from "./response-body.ts";
import { backOffMillis, isPassing, pause } from "./retry.ts";
import type { Transport } from "./transport.ts";

// A connection that brought this much was worth it: the count of failures starts anew. So an image comes
// through a line that is cut again and again, and a server that drips does not keep us for ever.
const minProgressBytes = 32 * 1024;

export interface BlobRequest {
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes of a blob, hashed and counted as they pass. After a cut the rest is asked for with a range.
 * The last step verifies the digest, so what came before is to be trusted only when the loop has ended
 * without an error. A descriptor's `urls` are never used.
 *
 * @param transports  Who may have it, in the order to ask; the next one continues where the last gave up.
 * @throws {RegistryError} `ERR_REGISTRY_DIGEST`, `ERR_REGISTRY_SIZE`, `ERR_REGISTRY_CONNECTION` …
 * @see distribution-spec spec.md#pulling-blobs
 */
export async function* fetchBlob(
  transports: readonly Transport[],
  o: BlobRequest,
): AsyncGenerator<Buffer, void, undefined> {
  const { digest, size } = o.descriptor;
  const hash = createHash(digestAlgorithm(digest));
  const progress: Progress = { received: 0, etag: undefined, isComplete: false };
  const last = transports.at(-1)!;
  const sources: Transport[] = [];
  for (const transport of transports.filter((it) => it === last || !it.isGivenUp)) {
    const start = progress.received;
    try {
      for await (const chunk of fetchRest(transport, o, progress)) {
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (!isRegistryError(error) || transport === last) throw error;
      transport.giveUpAfter(error);
    }
    if (progress.received > start || progress.isComplete) sources.push(transport);
    progress.etag = undefined;
    if (progress.isComplete) break;
  }
  const found = hash.digest("hex");
  if (found === digestHex(digest)) return;
  // Whose bytes are wrong cannot be told; a mirror is the likelier one.
  const culprit = sources.find((it) => it !== last) ?? last;
  const error = new RegistryError(
    "ERR_REGISTRY_DIGEST",
    `the ${size} bytes have the digest ${found}; they are not kept`,
    { host: culprit.endpoint.host, object: `blob ${digest}` },
  );
  for (const source of sources) source.giveUpAfter(error);
  throw error;
}

/** What is missing of a blob, from one registry, over as many connections as it takes. */
async function* fetchRest(
  transport: Transport,
  o: BlobRequest,
  progress: Progress,
): AsyncGenerator<Buffer, void, undefined> {
  const { digest, size } = o.descriptor;
  const at: RegistryErrorDetails = { host: transport.endpoint.host, object: `blob ${digest}` };
  for (let failures = 0; !progress.isComplete; ) {
    const start = progress.received;
    const response = await requestFrom(transport, o, progress);
    let cut: unknown;
    try {
      for await (const chunk of contentFrom(response, transport.client.idleMillis, { ...progress, size, at })) {
        if (progress.received + chunk.length > size) throw wrongSize(at, `more than the ${size} bytes promised`);
        progress.received += chunk.length;
        yield chunk;
      }
    } catch (error) {
      o.signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      cut = error;
    }
    progress.isComplete = progress.received === size;
    if (progress.isComplete) return;
    // A body without a length that just ends early was cut as well; nobody says so.
    failures = progress.received - start >= minProgressBytes ? 0 : failures + 1;
    if (failures >= transport.policy.attempts)
      throw new RegistryError(
        "ERR_REGISTRY_CONNECTION",
        `cut at byte ${progress.received} of ${size}; gave up after ${failures} attempts without progress`,
        { ...at, cause: cut },
      );
    if (failures > 0) await pause(backOffMillis(transport.policy, failures + 1, Math.random()), o.signal);
  }
}

interface Progress {
  received: number;
  etag: string | undefined;
  isComplete: boolean;
}

async function requestFrom(transport: Transport, o: BlobRequest, progress: Progress): Promise<HttpResponse> {
  const repository = transport.repository(o.repository);
  const range: Record<string, string> = progress.received === 0 ? {} : { range: `bytes=${progress.received}-` };
  if (progress.received > 0 && progress.etag !== undefined) range["if-range"] = progress.etag;
  const response = await transport.send({
    method: "GET",
    url: `v2/${repository}/blobs/${o.descriptor.digest}`,
    headers: range,
    scopes: [`repository:${repository}:pull`],
    object: `blob ${o.descriptor.digest}`,
    expect: progress.received === 0 ? [200] : [200, 206],
    signal: o.signal,
  });
  // If-Range takes strong validators only (RFC 9110 section 13.1.5).
  const { etag } = response.headers;
  progress.etag = etag !== undefined && /^"[^"]{1,256}"$/.test(etag) ? etag : undefined;
  return response;
}

/** What of a body lies behind `received`: all of a matching part, or a whole one without its beginning. */
async function* contentFrom(
  response: HttpResponse,
  idleMillis: number,
  o: { readonly received: number; readonly size: number; readonly at: RegistryErrorDetails },
): AsyncGenerator<Buffer, void, undefined> {
  try {
    checkHead(response, o);
  } catch (error) {
    response.body.destroy();
    throw error;
  }
  let skip = response.status === 206 ? 0 : o.received;
  for await (const chunk of gathered(bodyChunks(response, idleMillis))) {
    if (chunk.length > skip) yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = Math.max(skip - chunk.length, 0);
  }
}

// The network brings 64 KiB at a time. Whoever hashes, writes and inflates them hands each chunk to another thread, and
// waking one costs more than the chunk's own work.
const gatheredBytes = 256 * 1024;
const gatheredMillis = 100;

/** Fewer and larger chunks; what comes slowly is not held back. */
async function* gathered(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let size = 0;
  let since = 0;
  const all = (): Buffer => {
    const whole = Buffer.concat(held, size);
    held = [];
    size = 0;
    return whole;
  };
  try {
    for await (const chunk of chunks) {
      if (size === 0) since = performance.now();
      held.push(chunk);
      size += chunk.length;
      if (size >= gatheredBytes || performance.now() - since >= gatheredMillis) yield all();
    }
  } catch (error) {
    if (size > 0) yield all(); // what came before a cut need not come again
    throw error;
  }
  if (size > 0) yield all();
}

function checkHead(
  response: HttpResponse,
  o: { readonly received: number; readonly size: number; readonly at: RegistryErrorDetails },
): void {
  const encoding = response.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity")
    throw new RegistryError(
      "ERR_REGISTRY_STATUS",
      "the bytes were encoded on the way, though we asked for them as they are",
      o.at,
    );
  const length = response.headers["content-length"];
  if (response.status === 200 && length !== undefined && Number(length) !== o.size)
    throw wrongSize(o.at, `${Number(length)} bytes, not the ${o.size} promised`);
  if (response.status !== 206) return;
  const range = /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/.exec(response.headers["content-range"] ?? "");
  if (range === null || Number(range[1]) !== o.received || (range[3] !== "*" && Number(range[3]) !== o.size))
    throw wrongSize(o.at, `another range than the one from byte ${o.received} of ${o.size}`);
}

function wrongSize(at: RegistryErrorDetails, what: string): RegistryError {
  return new RegistryError("ERR_REGISTRY_SIZE", `the registry sent ${what}`, at);
}

/** Whether a repository has a blob. @see distribution-spec spec.md#checking-if-content-exists-in-the-registry */
export async function hasBlob(
  transport: Transport,
  o: BlobRequest & { readonly scopes?: readonly string[] },
): Promise<boolean> {
  const repository = checkRepository(transport.endpoint.host, o.repository);
  const response = await transport.send({
    method: "HEAD",
    url: `v2/${repository}/blobs/${o.descriptor.digest}`,
    scopes: o.scopes ?? [`repository:${repository}:pull`],
    object: `blob ${o.descriptor.digest}`,
    expect: [200, 404],
    signal: o.signal,
  });
  await discardBody(response, transport.client.idleMillis);
  return response.status === 200;
}
