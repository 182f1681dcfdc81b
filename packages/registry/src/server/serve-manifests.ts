import { type Digest, isDigest, isOciError, maxManifestBytes, mediaTypes } from "@ctr/oci";
import { digestOf, type ImageDocument, readImageDocument } from "../manifest.ts";
import { essence } from "../media-types.ts";
import { isTag } from "../names.ts";
import { isRegistryError } from "../registry-error.ts";
import { Refusal, readRequest, sendEmpty, sendJson } from "./reply.ts";
import { digestIn, type Exchange, type Shelf, sendBlob } from "./serve-blobs.ts";

/** GET, HEAD, PUT and DELETE of a manifest. */
export async function serveManifest(shelf: Shelf, o: Exchange, repository: string, reference: string): Promise<void> {
  if (!isDigest(reference) && !isTag(reference))
    throw new Refusal(reference.includes(":") ? 400 : 404, "MANIFEST_UNKNOWN", "neither a tag nor a digest");
  switch (o.request.method) {
    case "PUT":
      return putManifest(shelf, o, repository, reference);
    case "DELETE":
      return deleteManifest(shelf, o, repository, reference);
    default: {
      await shelf.upstream?.refreshManifest(repository, reference);
      const shown = shelf.catalog.get(repository);
      const digest = isDigest(reference) ? reference : shown?.tags.get(reference);
      const descriptor = digest === undefined ? undefined : shown?.manifests.get(digest);
      const size = descriptor === undefined ? undefined : await shelf.layout.sizeOf(descriptor.digest);
      if (descriptor === undefined || size === undefined) throw unknownManifest();
      await sendBlob(shelf.layout, o, { ...descriptor, size });
    }
  }
}

function unknownManifest(): Refusal {
  return new Refusal(404, "MANIFEST_UNKNOWN", "no such manifest in this repository");
}

async function putManifest(shelf: Shelf, o: Exchange, repository: string, reference: string): Promise<void> {
  const bytes = await readRequest(o.request, maxManifestBytes);
  const asked = isDigest(reference) ? reference : undefined;
  const digest = digestOf(bytes, asked);
  if (asked !== undefined && digest !== asked)
    throw new Refusal(400, "DIGEST_INVALID", `the bytes have the digest ${digest}`);
  const document = readDocument(bytes, digest, essence(o.request.headers["content-type"]));
  await refuseMissing(shelf, repository, document);
  const tag = asked === undefined ? reference : undefined;
  const isKept = await shelf.catalog.locks.hold(digest, async () => {
    await shelf.layout.write(digest, bytes);
    return shelf.catalog.putManifest(repository, document, tag);
  });
  if (!isKept) throw new Refusal(507, "DENIED", "this registry holds as many manifests as it can");
  const subject = (document.kind === "manifest" ? document.manifest : document.index).subject?.digest;
  sendEmpty(o.response, 201, {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(subject === undefined ? {} : { "oci-subject": subject }),
  });
}

function readDocument(bytes: Buffer, digest: Digest, contentType: string | undefined): ImageDocument {
  try {
    return readImageDocument(bytes, { digest, contentType, at: { host: "" } });
  } catch (error) {
    if (isRegistryError(error) || isOciError(error)) throw new Refusal(400, "MANIFEST_INVALID", error.message);
    throw error;
  }
}

/** A manifest comes after all that it names; only a foreign layer and a subject may be elsewhere. */
async function refuseMissing(shelf: Shelf, repository: string, document: ImageDocument): Promise<void> {
  const shown = shelf.catalog.get(repository);
  const missing = (digest: Digest): Refusal =>
    new Refusal(400, "MANIFEST_BLOB_UNKNOWN", `${digest} is not in this repository; push it first`);
  if (document.kind === "index") {
    for (const { digest } of document.index.manifests) if (shown?.manifests.has(digest) !== true) throw missing(digest);
    return;
  }
  for (const { digest, size, urls } of [document.manifest.config, ...document.manifest.layers]) {
    const found = shown?.blobs.has(digest) === true ? await shelf.layout.sizeOf(digest) : undefined;
    if (found === undefined && urls === undefined) throw missing(digest);
    if (found !== undefined && found !== size)
      throw new Refusal(400, "MANIFEST_INVALID", `${digest} has ${found} bytes; the manifest says ${size}`);
  }
}

async function deleteManifest(shelf: Shelf, o: Exchange, repository: string, reference: string): Promise<void> {
  const isGone = isDigest(reference)
    ? await shelf.catalog.deleteManifest(repository, reference)
    : await shelf.catalog.deleteTag(repository, reference);
  if (!isGone) throw unknownManifest();
  sendEmpty(o.response, 202);
}

const maxPage = 1000;

/** @see distribution-spec spec.md#listing-tags */
export function serveTags(shelf: Shelf, o: Exchange, repository: string): void {
  const shown = shelf.catalog.get(repository);
  if (shown === undefined) throw new Refusal(404, "NAME_UNKNOWN", "no such repository");
  const asked = o.url.searchParams.get("n");
  if (asked !== null && !/^[0-9]{1,9}$/.test(asked)) throw new Refusal(400, "UNSUPPORTED", "n is no number");
  const count = Math.min(asked === null ? maxPage : Number(asked), maxPage);
  const last = o.url.searchParams.get("last") ?? "";
  const rest = [...shown.tags.keys()].sort().filter((tag) => tag > last);
  const tags = rest.slice(0, count);
  const query = new URLSearchParams({ n: String(count), last: tags.at(-1) ?? "" });
  const hasMore = tags.length > 0 && rest.length > tags.length;
  const link: Record<string, string> = hasMore ? { link: `</v2/${repository}/tags/list?${query}>; rel="next"` } : {};
  sendJson(o.response, { name: repository, tags }, { headers: link });
}

/** @see distribution-spec spec.md#listing-referrers */
export function serveReferrers(shelf: Shelf, o: Exchange, repository: string, last: string): void {
  const subject = digestIn(last);
  const found = [...(shelf.catalog.get(repository)?.referrers.get(subject)?.values() ?? [])];
  const wanted = o.url.searchParams.get("artifactType");
  const manifests = wanted === null ? found : found.filter((it) => it.artifactType === wanted);
  const filter: Record<string, string> = wanted === null ? {} : { "oci-filters-applied": "artifactType" };
  const document = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
  sendJson(o.response, document, { headers: { "content-type": mediaTypes.index, ...filter } });
}
