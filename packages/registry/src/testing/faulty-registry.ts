import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RegistryServer } from "../server/index.ts";

/** What goes wrong with an answer. */
export type Fault =
  /** The connection is reset after this many bytes of body; 0 is before the head. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The connection is reset after this many bytes of the request's body. */
  | { readonly kind: "cutRequest"; readonly afterBytes: number }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  /** One byte of the body is another. */
  | { readonly kind: "wrongBytes" }
  /** The body has fewer (negative) or more bytes than there are; the head says so, or lies as well. */
  | { readonly kind: "wrongLength"; readonly by: number; readonly isAnnounced: boolean }
  /** `bytes` at a time, `everyMillis`. */
  | { readonly kind: "slow"; readonly bytes: number; readonly everyMillis: number }
  /** Nothing at all is answered. */
  | { readonly kind: "silence" }
  /** To itself, for ever, or to an address. */
  | { readonly kind: "redirect"; readonly to: "itself" | (string & {}) }
  /** Something else entirely. */
  | {
      readonly kind: "answer";
      readonly headers: Readonly<Record<string, string>>;
      readonly body: () => Iterable<Uint8Array>;
    }
  /** Range is not understood: the whole comes with 200. */
  | { readonly kind: "noRange" };

/** When a fault strikes. */
export interface FaultRule {
  readonly fault: Fault;
  /** Part of `<method> <path>` that must match; every request by default. */
  readonly on?: RegExp;
  /** How many requests it strikes; all by default. */
  readonly times?: number;
}

export interface FaultyRegistry extends AsyncDisposable {
  readonly host: string;
  /** `GET /v2/…` of every request so far. */
  readonly requests: string[];
  /** Bytes of bodies that went out. */
  readonly sentBytes: () => number;
}

/**
 * A registry in front of `server` where things go wrong as `plan` says. For each request the first rule
 * that matches and is not used up strikes.
 */
export async function faultyRegistry(server: RegistryServer, plan: readonly FaultRule[]): Promise<FaultyRegistry> {
  const left = plan.map((rule) => ({ ...rule, times: rule.times ?? Number.POSITIVE_INFINITY }));
  const requests: string[] = [];
  let sentBytes = 0;
  const listener = createServer((request, response) => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    countBody(response, (count) => {
      sentBytes += count;
    });
    const rule = left.find((it) => it.times > 0 && (it.on === undefined || it.on.test(line)));
    if (rule !== undefined) rule.times--;
    if (rule === undefined) server.handle(request, response);
    else strike(rule.fault, server, request, response);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    requests,
    sentBytes: () => sentBytes,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}

function strike(fault: Fault, server: RegistryServer, request: IncomingMessage, response: ServerResponse): void {
  switch (fault.kind) {
    case "cut":
      cutAfter(response, fault.afterBytes);
      server.handle(request, response);
      return;
    case "cutRequest":
      cutRequestAfter(request, fault.afterBytes);
      server.handle(request, response);
      return;
    case "status": {
      const header: Record<string, string> = fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter };
      request.resume();
      response.writeHead(fault.status, header).end("<html>not what you expect</html>");
      return;
    }
    case "wrongBytes":
      changed(server, request, response, flipped);
      return;
    case "wrongLength":
      lengthened(server, request, response, fault);
      return;
    case "slow":
      changed(server, request, response, (body) => body, fault);
      return;
    case "silence":
      request.resume();
      return;
    case "redirect":
      response.writeHead(307, { location: fault.to === "itself" ? (request.url ?? "/") : fault.to }).end();
      return;
    case "answer":
      response.writeHead(200, fault.headers);
      // The other side may hang up in the middle; that is what such an answer is for.
      pipeline(Readable.from(fault.body()), response).catch(() => {});
      return;
    case "noRange":
      delete request.headers.range;
      server.handle(request, response);
      return;
  }
}

function flipped(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}

type Write = (chunk: unknown, ...rest: unknown[]) => boolean;

function countBody(response: ServerResponse, count: (bytes: number) => void): void {
  const write = response.write.bind(response) as Write;
  response.write = ((chunk: unknown, ...rest: unknown[]) => {
    if (chunk instanceof Uint8Array) count(chunk.length);
    return write(chunk, ...rest);
  }) as typeof response.write;
}

function cutAfter(response: ServerResponse, bytes: number): void {
  if (bytes === 0) {
    response.socket?.resetAndDestroy();
    return;
  }
  let left = bytes;
  const write = response.write.bind(response) as Write;
  response.write = ((chunk: Uint8Array, ...rest: unknown[]) => {
    if (left < 0) return false;
    left -= chunk.length;
    if (left > 0) return write(chunk, ...rest);
    write(chunk.subarray(0, chunk.length + left));
    left = -1;
    // Ended rather than reset: a reset could overtake the bytes before it.
    response.socket?.end();
    return false;
  }) as typeof response.write;
}

function cutRequestAfter(request: IncomingMessage, bytes: number): void {
  let left = bytes;
  const push = request.push.bind(request);
  request.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    // What comes after the cut is lost, as on a broken line.
    if (left < 0) return false;
    if (chunk === null) return push(chunk, encoding);
    left -= chunk.length;
    if (left > 0) return push(chunk, encoding);
    push(chunk.subarray(0, chunk.length + left));
    left = -1;
    setImmediate(() => request.socket.resetAndDestroy());
    return false;
  };
}

/** Collect what the server answers, and send something made from it. */
function changed(
  server: RegistryServer,
  request: IncomingMessage,
  response: ServerResponse,
  change: (body: Buffer) => Buffer,
  pace?: { readonly bytes: number; readonly everyMillis: number },
): void {
  const chunks: Buffer[] = [];
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  response.write = ((chunk: Buffer, ...rest: unknown[]) => {
    chunks.push(chunk);
    const done = rest.find((it) => typeof it === "function") as (() => void) | undefined;
    if (done !== undefined) setImmediate(done);
    return true;
  }) as typeof response.write;
  response.end = ((chunk?: Buffer) => {
    if (chunk instanceof Uint8Array) chunks.push(chunk);
    response.write = write;
    const body = change(Buffer.concat(chunks));
    if (pace === undefined) return end(body);
    drip(response, end, body, pace);
    return response;
  }) as typeof response.end;
  server.handle(request, response);
}

function drip(
  response: ServerResponse,
  end: ServerResponse["end"],
  body: Buffer,
  pace: { readonly bytes: number; readonly everyMillis: number },
): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, at + pace.bytes));
    at += pace.bytes;
    if (at < body.length) return;
    clearInterval(timer);
    end();
  }, pace.everyMillis);
  response.on("close", () => clearInterval(timer));
}

function lengthened(
  server: RegistryServer,
  request: IncomingMessage,
  response: ServerResponse,
  o: { readonly by: number; readonly isAnnounced: boolean },
): void {
  const writeHead = response.writeHead.bind(response) as (
    status: number,
    headers: Record<string, string>,
  ) => ServerResponse;
  response.writeHead = ((status: number, headers: Record<string, string>) => {
    const { "content-length": length, ...rest } = headers;
    const announced = o.isAnnounced ? { "content-length": String(Number(length) + o.by) } : {};
    return writeHead(status, { ...rest, ...announced });
  }) as typeof response.writeHead;
  changed(server, request, response, (body) =>
    o.by < 0 ? body.subarray(0, body.length + o.by) : Buffer.concat([body, Buffer.alloc(o.by)]),
  );
}
