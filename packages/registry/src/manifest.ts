import { createHash } from "node:crypto";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  type Index,
  isDigest,
  isIndexType,
  isManifestType,
  isOciError,
  type Manifest,
  makeDigest,
  maxManifestBytes,
  mediaTypes,
  parseIndex,
  parseJson,
  parseManifest,
} from "@ctr/oci";
import type { HttpResponse } from "./http-client.ts";
import { acceptedManifests, essence } from "./media-types.ts";
import { checkManifestName, type ManifestName, manifestLabel } from "./names.ts";
import { printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { discardBody, readBody } from "./response-body.ts";
import { isPassing } from "./retry.ts";
import type { Transport } from "./transport.ts";

/** A manifest or an index: its exact bytes, the descriptor they fit, and what they say. */
export type ImageDocument = {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
} & ({ readonly kind: "manifest"; readonly manifest: Manifest } | { readonly kind: "index"; readonly index: Index });

/** Say what `resolve` would find, from a HEAD alone: nothing of it is verified. Undefined when there is none. */
export async function headManifest(
  transport: Transport,
  name: ManifestName & { readonly signal?: AbortSignal | undefined; readonly scopes?: readonly string[] },
): Promise<Descriptor | undefined> {
  const { reference } = checkManifestName(transport.endpoint.host, name);
  const repository = transport.repository(name.repository);
  const response = await transport.send({
    method: "HEAD",
    url: `v2/${repository}/manifests/${reference}`,
    headers: { accept: acceptedManifests },
    scopes: name.scopes ?? [`repository:${repository}:pull`],
    object: manifestLabel(name),
    expect: [200, 404],
    signal: name.signal,
  });
  await discardBody(response, transport.client.idleMillis);
  const digest = String(response.headers["docker-content-digest"] ?? "");
  const mediaType = essence(response.headers["content-type"]);
  const size = Number(response.headers["content-length"] ?? Number.NaN);
  if (response.status === 404 || !isDigest(digest) || mediaType === undefined || !Number.isSafeInteger(size))
    return undefined;
  return { mediaType, digest, size };
}

/**
 * Fetch a manifest or an index, by tag or digest, and verify it.
 *
 * @throws {RegistryError} `ERR_REGISTRY_DIGEST` unless the bytes have the digest that was asked for or is
 *   announced; `ERR_REGISTRY_MEDIA_TYPE` when Content-Type and document disagree (CVE-2021-41190), for
 *   schema 1 and for anything else; `ERR_REGISTRY_LIMIT` over 4 MiB; `ERR_REGISTRY_NOT_FOUND` …
 * @see distribution-spec spec.md#pulling-manifests
 */
export async function fetchManifest(
  transport: Transport,
  name: ManifestName & { readonly signal?: AbortSignal | undefined },
): Promise<ImageDocument> {
  const { reference, digest } = checkManifestName(transport.endpoint.host, name);
  const repository = transport.repository(name.repository);
  const at: RegistryErrorDetails = { host: transport.endpoint.host, object: manifestLabel(name) };
  for (let attempt = 1; ; attempt++) {
    const response = await transport.send({
      method: "GET",
      url: `v2/${repository}/manifests/${reference}`,
      headers: { accept: acceptedManifests },
      scopes: [`repository:${repository}:pull`],
      object: manifestLabel(name),
      expect: [200],
      signal: name.signal,
    });
    let bytes: Buffer;
    try {
      bytes = await readBody(response, { maxBytes: maxManifestBytes, idleMillis: transport.client.idleMillis, at });
    } catch (error) {
      name.signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      if (attempt < transport.policy.attempts) continue;
      throw new RegistryError("ERR_REGISTRY_CONNECTION", `cut in each of ${attempt} attempts`, { ...at, cause: error });
    }
    return readImageDocument(bytes, {
      at,
      digest: checkDigest(bytes, digest, response, at),
      contentType: essence(response.headers["content-type"]),
    });
  }
}

function checkDigest(
  bytes: Buffer,
  asked: Digest | undefined,
  response: HttpResponse,
  at: RegistryErrorDetails,
): Digest {
  const header = response.headers["docker-content-digest"];
  const announced = typeof header === "string" ? header : undefined;
  if (announced !== undefined && !isDigest(announced))
    throw new RegistryError(
      "ERR_REGISTRY_DIGEST",
      `announced as ${JSON.stringify(printable(announced))}, which is no digest`,
      at,
    );
  for (const wanted of [asked, announced]) {
    if (wanted === undefined) continue;
    const found = digestOf(bytes, wanted);
    if (found !== wanted)
      throw new RegistryError("ERR_REGISTRY_DIGEST", `the document has the digest ${found}, not ${wanted}`, at);
  }
  return asked ?? announced ?? digestOf(bytes);
}

/** The digest of `bytes` in the algorithm of `like`, or in sha256. */
export function digestOf(bytes: Uint8Array, like?: Digest): Digest {
  const algorithm = like === undefined ? "sha256" : digestAlgorithm(like);
  return makeDigest(algorithm, createHash(algorithm).update(bytes).digest("hex"));
}

// Servers that know no better, static file servers above all.
const untoldTypes: ReadonlySet<string> = new Set(["application/json", "application/octet-stream", "text/plain"]);

/**
 * Read verified bytes as the kind of document that their type names.
 *
 * @param o.contentType  What the registry or a descriptor promised. Without it, or with one that says
 *   nothing, the document has to say itself what it is.
 * @throws {RegistryError} `ERR_REGISTRY_MEDIA_TYPE`, `ERR_REGISTRY_DOCUMENT`, `ERR_REGISTRY_LIMIT`
 */
export function readImageDocument(
  bytes: Uint8Array,
  o: { readonly digest: Digest; readonly contentType: string | undefined; readonly at: RegistryErrorDetails },
): ImageDocument {
  try {
    const isTold = o.contentType !== undefined && !untoldTypes.has(o.contentType);
    const mediaType = isTold ? o.contentType : ownType(bytes);
    const descriptor = { mediaType: mediaType ?? "", digest: o.digest, size: bytes.length };
    if (isIndexType(descriptor.mediaType))
      return { descriptor, bytes, kind: "index", index: parseIndex(bytes, descriptor.mediaType) };
    if (isManifestType(descriptor.mediaType))
      return { descriptor, bytes, kind: "manifest", manifest: parseManifest(bytes, descriptor.mediaType) };
    throw unknownType(mediaType, o.at);
  } catch (error) {
    throw isOciError(error) ? documentError(error, o.at) : error;
  }
}

function ownType(bytes: Uint8Array): string | undefined {
  const value = parseJson(bytes, maxManifestBytes);
  if (typeof value !== "object" || value === null || !("mediaType" in value)) return undefined;
  return typeof value.mediaType === "string" ? value.mediaType : undefined;
}

function unknownType(mediaType: string | undefined, at: RegistryErrorDetails): RegistryError {
  const isSchema1 = mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed;
  const why = isSchema1
    ? "schema 1 images are not supported; push the image again with a current tool"
    : mediaType === undefined
      ? "neither the registry nor the document says what it is"
      : `${JSON.stringify(printable(mediaType))} is neither a manifest nor an index`;
  return new RegistryError("ERR_REGISTRY_MEDIA_TYPE", why, at);
}

/** What `@ctr/oci` found wrong, told with the object it was found in. */
export function documentError(
  error: { readonly code: string; readonly message: string },
  at: RegistryErrorDetails,
): RegistryError {
  const code =
    error.code === "ERR_OCI_MEDIA_TYPE"
      ? "ERR_REGISTRY_MEDIA_TYPE"
      : error.code === "ERR_OCI_LIMIT"
        ? "ERR_REGISTRY_LIMIT"
        : "ERR_REGISTRY_DOCUMENT";
  return new RegistryError(code, error.message, { ...at, cause: error });
}
