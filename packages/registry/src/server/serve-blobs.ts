import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Digest, isDigest } from "@ctr/oci";
import { isRepository } from "../names.ts";
import { readRange } from "./byte-range.ts";
import type { Catalog } from "./catalog.ts";
import type { Layout } from "./layout.ts";
import { Refusal, sendEmpty } from "./reply.ts";
import { rangeOf, type UploadSessions } from "./upload-sessions.ts";
import type { Upstream } from "./upstream.ts";

/** What the handlers of a server share. */
export interface Shelf {
  readonly layout: Layout;
  readonly catalog: Catalog;
  readonly uploads: UploadSessions;
  /** Where a cache gets what it does not have. */
  readonly upstream: Upstream | undefined;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
}

export function digestIn(text: string | null): Digest {
  if (text !== null && isDigest(text)) return text;
  throw new Refusal(400, "DIGEST_INVALID", "expected sha256: or sha512: and that many hexadecimal digits");
}

/** GET, HEAD and DELETE of a blob. */
export async function serveBlob(shelf: Shelf, o: Exchange, repository: string, last: string): Promise<void> {
  const digest = digestIn(last);
  if (o.request.method === "DELETE") {
    if (!(await shelf.catalog.deleteBlob(repository, digest))) throw unknownBlob();
    return sendEmpty(o.response, 202);
  }
  const shown = shelf.catalog.get(repository)?.blobs.get(digest);
  if (shown === undefined) throw unknownBlob();
  const blob = { digest, size: shown, mediaType: "application/octet-stream" };
  if ((await shelf.layout.sizeOf(digest)) === undefined) {
    if (shelf.upstream === undefined) throw unknownBlob();
    if (await passThrough(shelf.upstream, o, repository, blob)) return;
  }
  const size = await shelf.layout.sizeOf(digest);
  if (size === undefined) throw unknownBlob();
  await sendBlob(shelf.layout, o, { ...blob, size });
}

/**
 * Send a blob while it comes in.
 *
 * @returns false when it is, or may be, in the layout now and nothing was sent
 */
async function passThrough(
  upstream: Upstream,
  { request, response }: Exchange,
  repository: string,
  blob: BlobHead,
): Promise<boolean> {
  if (request.method === "HEAD") {
    sendEmpty(response, 200, { ...headersOf(blob), "content-length": String(blob.size) });
    return true;
  }
  const isWhole = request.headers.range === undefined;
  const wasPassed = await upstream.fetchBlob(repository, blob, async (chunk) => {
    // Whoever asked may be gone: the next one will want it.
    if (!isWhole || response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { ...headersOf(blob), "content-length": String(blob.size) });
    if (!response.write(chunk)) await drained(response);
  });
  if (wasPassed && isWhole && response.headersSent) response.end();
  return wasPassed && response.headersSent;
}

/** Wait until a client can take more, or is gone. */
async function drained(response: ServerResponse): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]).catch(() => {});
  abort.abort();
}

interface BlobHead {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

function headersOf(blob: BlobHead): Readonly<Record<string, string>> {
  return {
    "content-type": blob.mediaType,
    "docker-content-digest": blob.digest,
    "accept-ranges": "bytes",
    etag: `"${blob.digest}"`,
    "x-content-type-options": "nosniff",
  };
}

function unknownBlob(): Refusal {
  return new Refusal(404, "BLOB_UNKNOWN", "no such blob in this repository");
}

/** Send stored bytes: whole, in part, or not at all when the client has them. */
export async function sendBlob(layout: Layout, { request, response }: Exchange, o: BlobHead): Promise<void> {
  const { digest, size } = o;
  const etag = `"${digest}"`;
  const headers = headersOf(o);
  if (request.headers["if-none-match"] === etag) return sendEmpty(response, 304, headers);
  const isSame = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
  const range = isSame && request.method === "GET" ? readRange(request.headers.range, size) : undefined;
  if (range === "unsatisfiable")
    return sendEmpty(response, 416, { "content-range": `bytes */${size}`, "accept-ranges": "bytes" });
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const partial = range === undefined ? {} : { "content-range": `bytes ${start}-${end}/${size}` };
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    ...partial,
    "content-length": String(end - start + 1),
  });
  if (request.method === "HEAD" || size === 0) response.end();
  else await pipeline(layout.stream(digest, { start, end }), response);
}

/** POST of a new upload: a mount, a blob in one go, or a session. */
export async function startUpload(shelf: Shelf, o: Exchange, repository: string): Promise<void> {
  const { searchParams } = o.url;
  const mount = searchParams.get("mount");
  if (mount !== null) {
    const digest = digestIn(mount);
    const isMounted = await shelf.catalog.locks.hold(digest, async () => {
      const size = await mountable(shelf, digest, searchParams.get("from"));
      if (size !== undefined) shelf.catalog.showBlob(repository, digest, size);
      return size !== undefined;
    });
    if (isMounted) return sendCreated(o, repository, digest);
  }
  const id = await shelf.uploads.start(repository);
  const whole = searchParams.get("digest");
  if (whole === null) return sendSession(o, repository, { id, size: 0, status: 202 });
  await shelf.uploads.append(repository, id, o.request, undefined);
  await finishUpload(shelf, o, repository, { id, digest: digestIn(whole) });
}

/** The size of a blob of another repository, or undefined when it has none like that. */
async function mountable(shelf: Shelf, digest: Digest, from: string | null): Promise<number | undefined> {
  if (from === null || !isRepository(from) || shelf.catalog.get(from)?.blobs.has(digest) !== true) return undefined;
  return shelf.layout.sizeOf(digest);
}

/** GET, PATCH, PUT and DELETE of a session. */
export async function serveUpload(shelf: Shelf, o: Exchange, repository: string, id: string): Promise<void> {
  const { request } = o;
  switch (request.method) {
    case "GET":
    case "HEAD":
      return sendSession(o, repository, { id, size: await shelf.uploads.sizeOf(repository, id), status: 204 });
    case "PATCH": {
      const size = await shelf.uploads.append(repository, id, request, startOf(request));
      return sendSession(o, repository, { id, size, status: 202 });
    }
    case "PUT": {
      const digest = digestIn(o.url.searchParams.get("digest"));
      await shelf.uploads.append(repository, id, request, startOf(request));
      return finishUpload(shelf, o, repository, { id, digest });
    }
    case "DELETE":
      await shelf.uploads.cancel(repository, id);
      return sendEmpty(o.response, 204);
    default:
      throw new Refusal(405, "UNSUPPORTED", "an upload knows GET, PATCH, PUT and DELETE");
  }
}

function startOf(request: IncomingMessage): number | undefined {
  const header = request.headers["content-range"];
  if (header === undefined) return undefined;
  const match = /^(?:bytes )?([0-9]{1,15})-([0-9]{1,15})(?:\/.*)?$/.exec(header);
  if (match === null) throw new Refusal(400, "BLOB_UPLOAD_INVALID", "Content-Range is not <first>-<last>");
  return Number(match[1]);
}

async function finishUpload(
  shelf: Shelf,
  o: Exchange,
  repository: string,
  upload: { readonly id: string; readonly digest: Digest },
): Promise<void> {
  await shelf.catalog.locks.hold(upload.digest, async () => {
    const size = await shelf.uploads.finish(repository, upload.id, upload.digest);
    shelf.catalog.showBlob(repository, upload.digest, size);
  });
  sendCreated(o, repository, upload.digest);
}

function sendCreated(o: Exchange, repository: string, digest: Digest): void {
  sendEmpty(o.response, 201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
}

function sendSession(
  o: Exchange,
  repository: string,
  upload: { readonly id: string; readonly size: number; readonly status: number },
): void {
  sendEmpty(o.response, upload.status, {
    location: `/v2/${repository}/blobs/uploads/${upload.id}`,
    "docker-upload-uuid": upload.id,
    range: rangeOf(upload.size),
  });
}
