import type { IncomingMessage, ServerResponse } from "node:http";
import { encodeJson } from "@ctr/oci";
import { printable } from "../registry-error.ts";

/** The error words of the specification. @see distribution-spec spec.md#error-codes */
export type ErrorWord =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS";

/** A refusal that a handler throws and the server turns into an answer. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly word: ErrorWord;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, word: ErrorWord, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.word = word;
    this.headers = headers;
  }
}

export function sendEmpty(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  // 204 and 304 have no body and no length.
  const length = status === 204 || status === 304 ? {} : { "content-length": "0" };
  response.writeHead(status, { ...length, ...headers }).end();
}

/** A JSON document; its body is left out for HEAD. */
export function sendJson(
  response: ServerResponse,
  document: unknown,
  o: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): void {
  const bytes = Buffer.from(encodeJson(document));
  response
    .writeHead(o.status ?? 200, {
      "content-type": "application/json",
      "content-length": String(bytes.length),
      ...o.headers,
    })
    .end(bytes);
}

export function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a request body would be read as the next request.
  const close: Record<string, string> = request.complete ? {} : { connection: "close" };
  const document = { errors: [{ code: refusal.word, message: printable(refusal.message) }] };
  sendJson(response, document, { status: refusal.status, headers: { ...close, ...refusal.headers } });
}

/** A small request body. @throws {Refusal} 413 */
export async function readRequest(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): Refusal => new Refusal(413, "SIZE_INVALID", `more than ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
