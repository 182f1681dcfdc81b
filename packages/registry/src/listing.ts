import {
  type Descriptor,
  type Digest,
  type Index,
  isOciError,
  maxManifestBytes,
  parseIndex,
  parseTagList,
} from "@ctr/oci";
import { nextPage } from "./link-header.ts";
import { documentError, fetchManifest } from "./manifest.ts";
import { essence } from "./media-types.ts";
import { checkRepository } from "./names.ts";
import { isRegistryError, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";
import { discardBody, readBody } from "./response-body.ts";
import type { Transport } from "./transport.ts";

// A registry that always names a next page would keep us for ever.
const maxPages = 10_000;

/**
 * The tags of a repository, page by page as they are taken, in the registry's order.
 *
 * @see distribution-spec spec.md#listing-tags
 */
export async function* listTags(
  transport: Transport,
  o: { readonly repository: string; readonly pageSize?: number | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<string, void, undefined> {
  const repository = checkRepository(transport.endpoint.host, o.repository);
  const at: RegistryErrorDetails = { host: transport.endpoint.host, object: `tags of ${repository}` };
  const first = `v2/${repository}/tags/list${o.pageSize === undefined ? "" : `?n=${o.pageSize}`}`;
  for await (const { body } of pages(transport, { first, repository, at, signal: o.signal })) {
    let tags: readonly string[];
    try {
      tags = parseTagList(body).tags;
    } catch (error) {
      throw isOciError(error) ? documentError(error, at) : error;
    }
    yield* tags;
  }
}

/**
 * What refers to a manifest: signatures, attestations and other artifacts. Registries without the API
 * keep the list under a tag made from the digest.
 *
 * @param o.artifactType  Only those of this type.
 * @see distribution-spec spec.md#listing-referrers and #referrers-tag-schema
 */
export async function* listReferrers(
  transport: Transport,
  o: {
    readonly repository: string;
    readonly digest: Digest;
    readonly artifactType?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<Descriptor, void, undefined> {
  const repository = checkRepository(transport.endpoint.host, o.repository);
  const at: RegistryErrorDetails = { host: transport.endpoint.host, object: `referrers of ${repository}@${o.digest}` };
  const isWanted = (it: Descriptor): boolean => o.artifactType === undefined || it.artifactType === o.artifactType;
  const query = o.artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(o.artifactType)}`;
  const first = `v2/${repository}/referrers/${o.digest}${query}`;
  try {
    for await (const { body, contentType } of pages(transport, { first, repository, at, signal: o.signal }))
      yield* readIndex(body, contentType, at).manifests.filter(isWanted);
  } catch (error) {
    if (!isRegistryError(error) || error.code !== "ERR_REGISTRY_NOT_FOUND") throw error;
    yield* (await fallbackIndex(transport, repository, o.digest, o.signal)).filter(isWanted);
  }
}

function readIndex(body: Buffer, contentType: string | undefined, at: RegistryErrorDetails): Index {
  try {
    return parseIndex(body, contentType);
  } catch (error) {
    throw isOciError(error) ? documentError(error, at) : error;
  }
}

async function fallbackIndex(
  transport: Transport,
  repository: string,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  try {
    const document = await fetchManifest(transport, { repository, reference: digest.replace(":", "-"), signal });
    return document.kind === "index" ? document.index.manifests : [];
  } catch (error) {
    if (isRegistryError(error) && error.code === "ERR_REGISTRY_NOT_FOUND") return [];
    throw error;
  }
}

async function* pages(
  transport: Transport,
  o: {
    readonly first: string;
    readonly repository: string;
    readonly at: RegistryErrorDetails;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<{ readonly body: Buffer; readonly contentType: string | undefined }, void, undefined> {
  let url: URL | undefined = new URL(o.first, transport.endpoint.url);
  for (let count = 0; url !== undefined; count++) {
    if (count === maxPages)
      throw new RegistryError("ERR_REGISTRY_LIMIT", `more than ${maxPages} pages; they may go round in a circle`, o.at);
    const response = await transport.send({
      method: "GET",
      url,
      scopes: [`repository:${o.repository}:pull`],
      object: o.at.object ?? "",
      expect: [200],
      signal: o.signal,
    });
    const idleMillis = transport.client.idleMillis;
    const body = await readBody(response, { maxBytes: maxManifestBytes, idleMillis, at: o.at });
    yield { body, contentType: essence(response.headers["content-type"]) };
    const { link } = response.headers;
    const next = nextPage(Array.isArray(link) ? link.join(", ") : link, url);
    url = next?.href === url.href ? undefined : next;
  }
}

/** Whether a registry answers at the API's root, with the credentials we have. @see distribution-spec spec.md#determining-support */
export async function ping(transport: Transport, signal: AbortSignal | undefined): Promise<void> {
  const response = await transport.send({
    method: "GET",
    url: "v2/",
    scopes: [],
    object: "API",
    expect: [200],
    signal,
  });
  await discardBody(response, transport.client.idleMillis);
}
