import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { isRepository } from "../names.ts";
import { printable } from "../registry-error.ts";
import { type Access, type AccessOptions, type Action, createAccess } from "./access.ts";
import { Catalog } from "./catalog.ts";
import { type Layout, openLayout } from "./layout.ts";
import { Refusal, sendJson, sendRefusal } from "./reply.ts";
import { type Route, readRoute } from "./route.ts";
import { type Exchange, type Shelf, serveBlob, serveUpload, startUpload } from "./serve-blobs.ts";
import { serveManifest, serveReferrers, serveTags } from "./serve-manifests.ts";
import { UploadSessions } from "./upload-sessions.ts";
import { Upstream, type UpstreamRegistry } from "./upstream.ts";

export interface RegistryServerOptions {
  /** An OCI image layout; made if it is not there. One server at a time may write to it. */
  readonly directory: string;
  /** Address to listen on. Default `127.0.0.1`. */
  readonly address?: string | undefined;
  /** Default 0: one that is free. */
  readonly port?: number | undefined;
  /** PEM. With it the server speaks HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Without it everybody who can connect may do everything. */
  readonly access?: AccessOptions | undefined;
  /**
   * Refuse everything that would change the directory, and follow it when somebody else does. Names in its
   * index may be whole references: `ghcr.io/a/b:1` is served as `a/b` too, `docker.io/library/b:1` as `b`.
   */
  readonly readOnly?: boolean | undefined;
  /**
   * Be a cache in front of another registry: what is asked for and not in the directory comes from
   * there, and stays. Nothing can be pushed then. The caller closes it.
   */
  readonly upstream?: UpstreamRegistry | undefined;
  /** Bytes of the largest blob that is taken. Default 100 GiB. */
  readonly maxBlobBytes?: number | undefined;
  /** Told of every answer when it is out, or cut off. */
  readonly onAnswer?: ((answer: ServedAnswer) => void) | undefined;
}

/** One line of a log. */
export interface ServedAnswer {
  /** Of the client. */
  readonly address: string;
  readonly method: string;
  /** As it came: printable, but for nothing else. */
  readonly path: string;
  readonly status: number;
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that listens. */
export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:5000`: what goes in front of a repository name. */
  readonly host: string;
  /** `http://127.0.0.1:5000` */
  readonly origin: string;
  /** Answers one request; for a server of one's own in front. */
  readonly handle: RequestHandler;
  /** Stop listening, end open connections and forget unfinished uploads. */
  close(): Promise<void>;
}

/** Milliseconds without a byte in either direction. A client that unpacks while it reads may pause for long. */
const idleMillis = 300_000;

/**
 * Serve an OCI image layout as a registry.
 *
 * @see distribution-spec 1.1 spec.md#endpoints: all of them
 */
export async function openRegistryServer(options: RegistryServerOptions): Promise<RegistryServer> {
  // A cache fills its directory itself.
  const readOnly = options.readOnly === true && options.upstream === undefined;
  const layout = await openLayout(options.directory, { readOnly });
  const uploads = new UploadSessions(layout, options.maxBlobBytes ?? 100 * 1024 ** 3);
  const catalogs = readOnly ? await followCatalog(layout) : await fixedCatalog(layout);
  const catalog = await catalogs();
  const upstream = options.upstream === undefined ? undefined : new Upstream(options.upstream, layout, catalog);
  const shelf = async (): Promise<Shelf> => ({ layout, uploads, catalog: await catalogs(), upstream });
  const isReadOnly = readOnly || upstream !== undefined;
  let origin = "";
  const access = options.access === undefined ? undefined : createAccess({ ...options.access, origin: () => origin });
  const handle: RequestHandler = (request, response) => {
    const { onAnswer } = options;
    if (onAnswer !== undefined) response.on("close", () => onAnswer(servedAnswer(request, response)));
    answer({ shelf, access, isReadOnly }, request, response).catch((error: unknown) =>
      sendRefusal(request, response, asRefusal(error)),
    );
  };
  const server = options.tls === undefined ? createHttpServer(handle) : createHttpsServer(options.tls, handle);
  // The whole of a large upload may take longer than any limit; silence is what ends it.
  server.requestTimeout = 0;
  server.timeout = idleMillis;
  const host = await listen(server, options);
  origin = `${options.tls === undefined ? "http" : "https"}://${host}`;
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await uploads.close();
  };
  return { host, origin, handle, close, [Symbol.asyncDispose]: close };
}

function servedAnswer(request: IncomingMessage, response: ServerResponse): ServedAnswer {
  return {
    address: request.socket.remoteAddress ?? "",
    method: request.method ?? "",
    path: printable(request.url ?? ""),
    status: response.statusCode,
  };
}

async function fixedCatalog(layout: Layout): Promise<() => Promise<Catalog>> {
  const catalog = await Catalog.load(layout);
  return async () => catalog;
}

/** The catalog of a directory that somebody else writes to, read again whenever its index was replaced. */
async function followCatalog(layout: Layout): Promise<() => Promise<Catalog>> {
  let version = await layout.indexVersion();
  let catalog = Catalog.loadReferences(layout);
  await catalog;
  return async () => {
    const now = await layout.indexVersion();
    if (now !== version) {
      version = now;
      // An index that cannot be read leaves what was known.
      const before = catalog;
      catalog = Catalog.loadReferences(layout).catch(() => before);
    }
    return catalog;
  };
}

function listen(server: Server, o: Pick<RegistryServerOptions, "address" | "port">): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(o.port ?? 0, o.address ?? "127.0.0.1", () => {
      const { address, family, port } = server.address() as AddressInfo;
      resolve(`${family === "IPv6" ? `[${address}]` : address}:${port}`);
    });
  });
}

interface Service {
  readonly shelf: () => Promise<Shelf>;
  readonly access: Access | undefined;
  readonly isReadOnly: boolean;
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader("docker-distribution-api-version", "registry/2.0");
  const target = request.url ?? "";
  if (!target.startsWith("/") || !URL.canParse(target, "http://registry.invalid"))
    throw new Refusal(400, "NAME_INVALID", "no such path");
  const url = new URL(`http://registry.invalid${target}`);
  const route = readRoute(url.pathname);
  if (route === undefined) throw new Refusal(404, "NAME_UNKNOWN", "no such path");
  if (route.kind === "token") {
    if (service.access === undefined) throw new Refusal(404, "NAME_UNKNOWN", "no such path");
    return service.access.giveToken(request, response, url);
  }
  const repository = "repository" in route ? route.repository : undefined;
  if (repository !== undefined && !isRepository(repository))
    throw new Refusal(400, "NAME_INVALID", "no repository can have this name");
  const action = actionOf(route, request.method ?? "");
  if (service.isReadOnly && action !== "pull") throw new Refusal(405, "UNSUPPORTED", "this registry is read-only");
  service.access?.check(request, repository, action);
  // A mount reads another repository.
  const from = route.kind === "uploads" ? url.searchParams.get("from") : null;
  if (from !== null && isRepository(from)) service.access?.check(request, from, "pull");
  await dispatch(await service.shelf(), { request, response, url }, route);
}

/** What a request does to a repository. @throws {Refusal} 405 */
function actionOf(route: Route, method: string): Action {
  const isRead = method === "GET" || method === "HEAD";
  switch (route.kind) {
    case "upload":
      return "push";
    case "uploads":
      if (method === "POST") return "push";
      break;
    case "manifest":
      if (method === "PUT") return "push";
      if (method === "DELETE") return "delete";
      if (isRead) return "pull";
      break;
    case "blob":
      if (method === "DELETE") return "delete";
      if (isRead) return "pull";
      break;
    default:
      if (isRead) return "pull";
  }
  throw new Refusal(405, "UNSUPPORTED", `${method} means nothing here`);
}

async function dispatch(shelf: Shelf, o: Exchange, route: Exclude<Route, { kind: "token" }>): Promise<void> {
  switch (route.kind) {
    case "root":
      return sendJson(o.response, {});
    case "manifest":
      return serveManifest(shelf, o, route.repository, route.last);
    case "blob":
      return serveBlob(shelf, o, route.repository, route.last);
    case "uploads":
      return startUpload(shelf, o, route.repository);
    case "upload":
      return serveUpload(shelf, o, route.repository, route.last);
    case "tags":
      return serveTags(shelf, o, route.repository);
    case "referrers":
      return serveReferrers(shelf, o, route.repository, route.last);
  }
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // Neither paths nor stacks leave the server.
  return new Refusal(500, "UNSUPPORTED", "the registry could not do it");
}
