// A listener in front of a server that writes down what arrives.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { RegistryServer } from "@ctr/registry/server";

export interface RequestLog extends AsyncDisposable {
  readonly host: string;
  /** `GET /v2/…` */
  lines(): string[];
  /** Authorization headers, undefined where there was none. */
  authorizations(): (string | undefined)[];
  /** Bytes of request bodies. */
  bodyBytes(): number;
  clear(): void;
}

type Answer = RegistryServer["handle"];

/** @param server  A registry, or a function that answers in its place. */
export async function countRequests(server: RegistryServer | Answer): Promise<RequestLog> {
  let entries: { line: string; authorization: string | undefined }[] = [];
  let bytes = 0;
  const handle = typeof server === "function" ? server : server.handle;
  const listener = createServer((request, response) => {
    entries.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization });
    bytes += Number(request.headers["content-length"] ?? 0);
    handle(request, response);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    lines: () => entries.map((it) => it.line),
    authorizations: () => entries.map((it) => it.authorization),
    bodyBytes: () => bytes,
    clear: () => {
      entries = [];
      bytes = 0;
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}
