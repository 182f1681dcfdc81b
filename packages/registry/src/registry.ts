import type { Descriptor, Digest } from "@ctr/oci";
import { type BlobRequest, fetchBlob, hasBlob } from "./blob.ts";
import type { CredentialLookup, Credentials } from "./credentials.ts";
import { endpointOf } from "./endpoint.ts";
import { createHttpClient, type ProxyEnvironment, type TlsOptions } from "./http-client.ts";
import { listReferrers, listTags, ping } from "./listing.ts";
import { fetchManifest, headManifest, type ImageDocument } from "./manifest.ts";
import { checkManifestName, checkRepository, type ManifestName, manifestLabel } from "./names.ts";
import { isRegistryError, RegistryError } from "./registry-error.ts";
import { discardBody } from "./response-body.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./retry.ts";
import { Transport } from "./transport.ts";
import { type BlobPush, type PushedBlob, pushBlob } from "./upload.ts";

/** A registry that has the content of another one. */
export interface Mirror extends TlsOptions {
  readonly host: string;
  /** As in `RegistryOptions`. */
  readonly scheme?: "http" | "https" | undefined;
  /** Put before every repository: with `hub`, `library/busybox` is `hub/library/busybox` there. */
  readonly prefix?: string | undefined;
}

export interface RegistryOptions extends TlsOptions {
  /** As in a reference: `docker.io`, `ghcr.io`, `localhost:5000`. */
  readonly host: string;
  /** Default: plain HTTP for loopback hosts, HTTPS for all others. Plain HTTP never carries a password off the machine. */
  readonly scheme?: "http" | "https" | undefined;
  /** What to show to `host`, or a lookup that is asked for every host, mirrors too. */
  readonly credentials?: Credentials | CredentialLookup | undefined;
  /** Registries that may have the same content; asked first, for reading only. One that does not answer is not waited for. */
  readonly mirrors?: readonly (string | Mirror)[] | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** Milliseconds without a sign of life after which a connection is given up. Default 60 000. */
  readonly idleMillis?: number | undefined;
  readonly userAgent?: string | undefined;
  /** Where to look for proxies, `process.env` for instance; loopback hosts never use one. Node 22.21 or 24.5 and later. */
  readonly proxy?: ProxyEnvironment | undefined;
  /** Ends everything that is under way. */
  readonly signal?: AbortSignal | undefined;
}

type Abortable = { readonly signal?: AbortSignal | undefined };

interface HeadPurpose {
  /** Ask the registry itself, not its mirrors, with a token that a push needs anyway. */
  readonly forPush?: boolean | undefined;
}

/** One registry. Every promise and iterable fails with a `RegistryError`, or the reason of the signal. */
export interface Registry extends AsyncDisposable {
  readonly host: string;
  /** Whether it answers and accepts the credentials. */
  ping(o?: Abortable): Promise<void>;
  /** What a tag or digest stands for: verified bytes, descriptor, and the document read. */
  resolve(name: ManifestName & Abortable): Promise<ImageDocument>;
  /** The same from a HEAD: no bytes, nothing verified. Undefined when there is none. */
  head(name: ManifestName & Abortable & HeadPurpose): Promise<Descriptor | undefined>;
  /** A document that an index names, verified against all that the index says about it. */
  fetchManifest(o: BlobRequest): Promise<ImageDocument>;
  /** The bytes of a blob, verified at their end. */
  fetchBlob(o: BlobRequest): AsyncIterable<Uint8Array>;
  hasBlob(o: BlobRequest): Promise<boolean>;
  pushBlob(o: BlobPush): Promise<PushedBlob>;
  /** Store a manifest or an index under a tag or its digest, after all that it names. */
  pushManifest(o: ManifestName & Abortable & { readonly mediaType: string; readonly bytes: Uint8Array }): Promise<void>;
  /** Remove a tag, or a manifest with all its tags. Many registries do not allow it. */
  deleteManifest(name: ManifestName & Abortable): Promise<void>;
  tags(o: Abortable & { readonly repository: string; readonly pageSize?: number | undefined }): AsyncIterable<string>;
  referrers(
    o: Abortable & { readonly repository: string; readonly digest: Digest; readonly artifactType?: string | undefined },
  ): AsyncIterable<Descriptor>;
  /** Close all connections. */
  close(): void;
}

/**
 * Prepare to talk to a registry. Nothing is sent yet.
 *
 * @throws {RegistryError} `ERR_REGISTRY_ARGUMENT`
 */
export function openRegistry(options: RegistryOptions): Registry {
  const own = openTransport(options, options);
  // A mirror is another host: it gets no certificate of ours, no exemption, and only credentials of its own.
  const mirrors = (options.mirrors ?? []).map((mirror) =>
    openTransport(typeof mirror === "string" ? { host: mirror, ca: options.ca } : mirror, {
      ...options,
      // The second is for a kept connection that the other side closed meanwhile.
      retry: { ...options.retry, attempts: 2 },
    }),
  );
  const readers: readonly Transport[] = [...mirrors, own];
  const withSignal = <T extends Abortable>(o: T): T => ({ ...o, signal: anySignal(options.signal, o.signal) });

  return {
    host: options.host,
    ping: (o) => ping(own, anySignal(options.signal, o?.signal)),
    resolve: (name) => firstAnswer(readers, (it) => fetchManifest(it, withSignal(name))),
    head: (name) => {
      if (name.forPush !== true) return firstAnswer(readers, (it) => headManifest(it, withSignal(name)));
      const scopes = [`repository:${checkRepository(options.host, name.repository)}:pull,push`];
      return headManifest(own, { ...withSignal(name), scopes });
    },
    fetchManifest: async (o) => {
      const { repository, descriptor } = o;
      const document = await firstAnswer(readers, (it) =>
        fetchManifest(it, withSignal({ repository, reference: descriptor.digest, signal: o.signal })),
      );
      checkAgainst(descriptor, document, options.host);
      return document;
    },
    fetchBlob: (o) => fetchBlob(readers, withSignal(o)),
    hasBlob: (o) => hasBlob(own, withSignal(o)),
    pushBlob: (o) => pushBlob(own, withSignal(o)),
    pushManifest: (o) => pushManifest(own, withSignal(o)),
    deleteManifest: (name) => deleteManifest(own, withSignal(name)),
    tags: (o) => listTags(own, withSignal(o)),
    referrers: (o) => listReferrers(own, withSignal(o)),
    close: () => closeAll(readers),
    [Symbol.asyncDispose]: async () => closeAll(readers),
  };
}

function openTransport(place: Mirror, options: RegistryOptions): Transport {
  const endpoint = endpointOf(place.host, place.scheme);
  const { credentials } = options;
  const lookup: CredentialLookup | undefined =
    credentials === undefined || typeof credentials === "function"
      ? credentials
      : async (asked) => (asked === options.host ? credentials : undefined);
  return new Transport({
    endpoint,
    client: createHttpClient({
      ca: place.ca,
      clientCertificate: place.clientCertificate,
      insecure: place.insecure,
      origin: endpoint.url.origin,
      userAgent: options.userAgent ?? "ctr",
      idleMillis: options.idleMillis ?? 60_000,
      proxy: options.proxy,
    }),
    policy: { ...defaultRetryPolicy, ...options.retry },
    credentials: lookup,
    prefix: place.prefix,
  });
}

/** What the first one has; a mirror's failure is no failure. */
async function firstAnswer<T>(transports: readonly Transport[], ask: (transport: Transport) => Promise<T>): Promise<T> {
  for (const transport of transports.slice(0, -1)) {
    if (transport.isGivenUp) continue;
    try {
      const answer = await ask(transport);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      transport.giveUpAfter(error);
    }
  }
  return ask(transports.at(-1)!);
}

/** @throws {RegistryError} when a document is not what the index that led to it said */
function checkAgainst(promised: Descriptor, document: ImageDocument, host: string): void {
  const { size, mediaType } = document.descriptor;
  const at = { host, object: `manifest ${promised.digest}` };
  if (size !== promised.size)
    throw new RegistryError("ERR_REGISTRY_SIZE", `it has ${size} bytes; the index says ${promised.size}`, at);
  if (mediaType !== promised.mediaType)
    throw new RegistryError(
      "ERR_REGISTRY_MEDIA_TYPE",
      `it is ${JSON.stringify(mediaType)}; the index says ${JSON.stringify(promised.mediaType)}`,
      at,
    );
}

async function pushManifest(
  transport: Transport,
  o: ManifestName & Abortable & { readonly mediaType: string; readonly bytes: Uint8Array },
): Promise<void> {
  const { repository, reference } = checkManifestName(transport.endpoint.host, o);
  const response = await transport.send({
    method: "PUT",
    url: `v2/${repository}/manifests/${reference}`,
    headers: { "content-type": o.mediaType },
    body: { size: o.bytes.length, open: () => [o.bytes] },
    scopes: [`repository:${repository}:pull,push`],
    object: manifestLabel(o),
    expect: [201],
    signal: o.signal,
  });
  await discardBody(response, transport.client.idleMillis);
}

async function deleteManifest(transport: Transport, name: ManifestName & Abortable): Promise<void> {
  const { reference } = checkManifestName(transport.endpoint.host, name);
  const repository = checkRepository(transport.endpoint.host, name.repository);
  const response = await transport.send({
    method: "DELETE",
    url: `v2/${repository}/manifests/${reference}`,
    scopes: [`repository:${repository}:delete,pull`],
    object: manifestLabel(name),
    expect: [202],
    signal: name.signal,
  });
  await discardBody(response, transport.client.idleMillis);
}

function closeAll(transports: readonly Transport[]): void {
  for (const { client } of transports) client.close();
}

function anySignal(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one === undefined || other === undefined ? (one ?? other) : AbortSignal.any([one, other]);
}
