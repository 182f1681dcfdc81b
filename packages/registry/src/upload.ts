import type { Descriptor, Digest } from "@ctr/oci";
import { hasBlob } from "./blob.ts";
import type { HttpBody, HttpResponse } from "./http-client.ts";
import { checkRepository, isRepository } from "./names.ts";
import { checkTarget } from "./redirect.ts";
import { isRegistryError, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { discardBody } from "./response-body.ts";
import { backOffMillis, isPassing, isPassingStatus, pause } from "./retry.ts";
import type { Call, Transport } from "./transport.ts";

//  HEAD blob ── there ──▶ nothing to send
//     │
//  POST ?mount=…&from=… ── 201 ──▶ another repository of the registry had it
//     │ 202, Location
//  PUT Location?digest=…      all bytes in one request
//     └─ cut ──▶ GET Location (how much came?) ──▶ PATCH the rest ──▶ PUT Location?digest=…

/** Where the bytes of a blob come from; they can be read again from any point. */
export interface BlobSource {
  /** The bytes from `start` to the end. */
  open(descriptor: Descriptor, start: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** How a blob got to the registry. */
export interface PushedBlob {
  readonly how: "present" | "mounted" | "sent";
  /** The repository it was mounted from. */
  readonly from?: string;
}

export interface BlobPush {
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
  /** Repositories of the same registry that may have the blob, best first. */
  readonly origins?: readonly string[] | undefined;
  /** Bytes per request; all in one by default. Some proxies limit a request's size. */
  readonly chunkBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of every byte that goes out, also of one that goes out again. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

// The specification has 202 for a part and 201 for the end; some registries are not so exact.
const accepted: readonly number[] = [200, 201, 202, 204];
// Asking more repositories than this costs more than it saves.
const maxOrigins = 3;

/**
 * Bring a blob into a repository, sending nothing that is there.
 *
 * @throws {RegistryError}, what the source throws, or the signal's reason
 * @see distribution-spec spec.md#pushing-blobs and #mounting-a-blob-from-another-repository
 */
export async function pushBlob(transport: Transport, o: BlobPush): Promise<PushedBlob> {
  const repository = checkRepository(transport.endpoint.host, o.repository);
  const scopes = [`repository:${repository}:pull,push`];
  if (await hasBlob(transport, { ...o, repository, scopes })) return { how: "present" };
  const upload = new Upload(transport, { ...o, repository }, scopes);
  const origins = (o.origins ?? []).filter((it) => it !== repository && isRepository(it)).slice(0, maxOrigins);
  for (const from of origins) if (await upload.mount(from)) return { how: "mounted", from };
  await upload.run();
  return { how: "sent" };
}

class Upload {
  readonly #transport: Transport;
  readonly #push: BlobPush;
  readonly #scopes: readonly string[];
  readonly #at: RegistryErrorDetails;
  #location: URL | undefined;
  /** Bytes that the registry said it has. */
  #offset = 0;

  constructor(transport: Transport, push: BlobPush, scopes: readonly string[]) {
    this.#transport = transport;
    this.#push = push;
    this.#scopes = scopes;
    this.#at = { host: transport.endpoint.host, object: `blob ${push.descriptor.digest}` };
  }

  async mount(from: string): Promise<boolean> {
    await this.#cancel();
    const query = new URLSearchParams({ mount: this.#push.descriptor.digest, from });
    let response: HttpResponse;
    try {
      response = await this.#call({
        method: "POST",
        url: `${this.#startUrl()}?${query}`,
        scopes: [...this.#scopes, `repository:${from}:pull`],
        // Registries without mounts, and those that refuse this one, start an upload instead, or should.
        expect: [201, 202, 400, 401, 403, 404, 405],
      });
    } catch (error) {
      // A token service may refuse all that is asked for because of the other repository.
      if (isRegistryError(error) && error.code === "ERR_REGISTRY_DENIED") return false;
      throw error;
    }
    if (response.status === 202) this.#move(response);
    return response.status === 201;
  }

  async run(): Promise<void> {
    const { policy } = this.#transport;
    for (let failures = 0; ; ) {
      const before = this.#offset;
      try {
        // Where a session of a failed mount is open, it is used.
        if (this.#location === undefined) await this.#start();
        else if (failures > 0) await this.#askOffset();
        return await this.#send(failures > 0);
      } catch (error) {
        this.#push.signal?.throwIfAborted();
        if (!canPass(error)) throw error;
        failures = this.#offset > before ? 1 : failures + 1;
        if (failures >= policy.attempts) throw error;
        await pause(backOffMillis(policy, failures + 1, Math.random()), this.#push.signal);
        // It may have arrived whole, and only the answer was lost.
        if (await hasBlob(this.#transport, { ...this.#push, scopes: this.#scopes })) return;
      }
    }
  }

  async #start(): Promise<void> {
    this.#offset = 0;
    this.#move(await this.#call({ method: "POST", url: this.#startUrl(), expect: [202] }));
  }

  async #send(isResumed: boolean): Promise<void> {
    const { size, digest } = this.#push.descriptor;
    if (!isResumed && (this.#push.chunkBytes === undefined || size <= this.#push.chunkBytes))
      return this.#finish(this.#body(0, size), digest);
    while (this.#offset < size) await this.#patch(Math.min(this.#push.chunkBytes ?? size, size - this.#offset));
    await this.#finish(undefined, digest);
  }

  async #patch(length: number): Promise<void> {
    const start = this.#offset;
    const response = await this.#call({
      method: "PATCH",
      url: this.#target(),
      headers: { "content-type": "application/octet-stream", "content-range": `${start}-${start + length - 1}` },
      body: this.#body(start, length),
      // 416: what the registry has is not what we think; its Range says more than an error would.
      expect: [...accepted, 416],
      attempts: 1,
    });
    if (response.status === 416) return this.#askOffset();
    if (response.headers.location !== undefined) this.#move(response);
    this.#offset = start + length;
  }

  async #finish(body: HttpBody | undefined, digest: Digest): Promise<void> {
    const url = new URL(this.#target());
    url.searchParams.set("digest", digest);
    await this.#call({
      method: "PUT",
      url,
      headers: { "content-type": "application/octet-stream" },
      ...(body === undefined ? {} : { body }),
      expect: accepted,
      attempts: 1,
    });
  }

  /** How much came of what was cut; a session that is gone starts anew. */
  async #askOffset(): Promise<void> {
    const response = await this.#call({ method: "GET", url: this.#target(), expect: [204, 404] });
    const end = Number(/^(?:bytes=)?0-([0-9]{1,16})$/.exec(String(response.headers.range ?? ""))?.[1] ?? 0);
    // `0-0` is one byte by the letter, and none as some registries say it.
    const isUsable = response.status === 204 && end > 0 && end < this.#push.descriptor.size;
    if (!isUsable) {
      await this.#cancel();
      return this.#start();
    }
    if (response.headers.location !== undefined) this.#move(response);
    this.#offset = end + 1;
  }

  async #cancel(): Promise<void> {
    if (this.#location === undefined) return;
    const url = this.#location;
    this.#location = undefined;
    try {
      await this.#call({ method: "DELETE", url, expect: [204, 404], attempts: 1 });
    } catch (error) {
      // The registry forgets an open upload by itself in time.
      if (!isRegistryError(error)) throw error;
    }
  }

  async #call(
    call: Omit<Call, "scopes" | "object" | "signal"> & { readonly scopes?: readonly string[] },
  ): Promise<HttpResponse> {
    const object = this.#at.object ?? "";
    const response = await this.#transport.send({ scopes: this.#scopes, ...call, object, signal: this.#push.signal });
    await discardBody(response, this.#transport.client.idleMillis);
    return response;
  }

  #move(response: HttpResponse): void {
    // On another host the transport sends no Authorization; what the host needs is in the address.
    this.#location = checkTarget(response.headers.location, response.url, { ...this.#at, status: response.status });
  }

  #target(): URL {
    if (this.#location === undefined)
      throw new RegistryError("ERR_REGISTRY_STATUS", "the registry named no address for the upload", this.#at);
    return this.#location;
  }

  #startUrl(): string {
    return `v2/${this.#push.repository}/blobs/uploads/`;
  }

  #body(start: number, length: number): HttpBody {
    const { source, descriptor, onBytes } = this.#push;
    const at = this.#at;
    return {
      size: length,
      open: () =>
        exactly(source.open(descriptor, start), { length, isEnd: start + length === descriptor.size, at, onBytes }),
    };
  }
}

/** The first `length` bytes of a source, which must have that many, and at its end no more. */
async function* exactly(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  o: {
    readonly length: number;
    readonly isEnd: boolean;
    readonly at: RegistryErrorDetails;
    readonly onBytes: ((count: number) => void) | undefined;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = o.length;
  for await (const chunk of source) {
    if (chunk.length > left && o.isEnd) throw sourceSize(o.at, "more");
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (part.length > 0) yield part;
    o.onBytes?.(part.length);
    if (left === 0 && !o.isEnd) return;
  }
  if (left > 0) throw sourceSize(o.at, "fewer");
}

function sourceSize(at: RegistryErrorDetails, what: string): RegistryError {
  return new RegistryError("ERR_REGISTRY_SIZE", `what is to be sent has ${what} bytes than its descriptor says`, at);
}

function canPass(error: unknown): boolean {
  if (!isRegistryError(error)) return false;
  return error.status === undefined ? isPassing(error.cause) : isPassingStatus(error.status);
}
