import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isRepository } from "../names.ts";
import { Refusal, sendJson } from "./reply.ts";

export type Action = "pull" | "push" | "delete";

/** Who may use a registry server. */
export interface AccessOptions {
  /** How a client proves who it is: with each request, or with a token from the server's own `/token`. */
  readonly kind: "basic" | "bearer";
  /** Passwords by user name. Every user may do everything. */
  readonly users: ReadonlyMap<string, string>;
  /** Pulling needs no password. Default false. */
  readonly anonymousPull?: boolean | undefined;
}

const tokenLifeSeconds = 300;
const maxTokens = 10_000;
const service = "ctr-registry";

/** Decides on requests and gives out tokens. */
export interface Access {
  /** @throws {Refusal} 401 with the challenge, or 403 */
  check(request: IncomingMessage, repository: string | undefined, action: Action): void;
  /** Answer a request for a token. @throws {Refusal} */
  giveToken(request: IncomingMessage, response: ServerResponse, url: URL): void;
}

/** @param o.origin  Where clients reach this server, for the realm; known only once it listens. */
export function createAccess(o: AccessOptions & { readonly origin: () => string }): Access {
  const tokens = new Map<string, { readonly scopes: ReadonlySet<string>; readonly expires: number }>();
  const challenge = (scope: string | undefined): Readonly<Record<string, string>> => ({
    "www-authenticate":
      o.kind === "basic"
        ? `Basic realm="${service}"`
        : `Bearer realm="${o.origin()}/token",service="${service}"${scope === undefined ? "" : `,scope="${scope}"`}`,
  });
  const mayBeAnonymous = (action: Action): boolean => o.anonymousPull === true && action === "pull";

  return {
    check: (request, repository, action) => {
      const header = request.headers.authorization;
      if (o.kind === "basic") {
        if (header === undefined ? mayBeAnonymous(action) : isUser(header, o.users)) return;
        throw new Refusal(401, "UNAUTHORIZED", "a user name and a password are needed", challenge(undefined));
      }
      const scope = repository === undefined ? undefined : `repository:${repository}:${action}`;
      const held = tokens.get(hashOf(header?.replace(/^Bearer /i, "") ?? ""));
      const isValid = held !== undefined && held.expires > Date.now();
      if (isValid && (scope === undefined || held.scopes.has(scope))) return;
      throw new Refusal(401, "UNAUTHORIZED", "a token for this is needed", challenge(scope));
    },
    giveToken: (request, response, url) => {
      const header = request.headers.authorization;
      if (header !== undefined && !isUser(header, o.users))
        throw new Refusal(401, "UNAUTHORIZED", "wrong user name or password", {
          "www-authenticate": `Basic realm="${service}"`,
        });
      if (header === undefined && o.anonymousPull !== true)
        throw new Refusal(401, "UNAUTHORIZED", "a user name and a password are needed");
      const asked = url.searchParams.getAll("scope").slice(0, 16).flatMap(readScope);
      const granted = asked.filter(({ action }) => header !== undefined || mayBeAnonymous(action));
      const token = randomBytes(32).toString("hex");
      // Oldest first: a Map keeps the order of insertion.
      for (const old of tokens.keys()) if (tokens.size >= maxTokens) tokens.delete(old);
      const scopes = new Set(granted.map((it) => `repository:${it.repository}:${it.action}`));
      tokens.set(hashOf(token), { scopes, expires: Date.now() + tokenLifeSeconds * 1000 });
      sendJson(response, { token, expires_in: tokenLifeSeconds });
    },
  };
}

/** `repository:app:pull,push`, several separated by spaces; what is malformed grants nothing. */
function readScope(text: string): readonly { readonly repository: string; readonly action: Action }[] {
  return text
    .slice(0, 2000)
    .split(" ")
    .flatMap((scope) => {
      const [type, repository = "", actions = ""] = scope.split(":");
      if (type !== "repository" || !isRepository(repository)) return [];
      return (["pull", "push", "delete"] as const)
        .filter((action) => actions.split(",").includes(action))
        .map((action) => ({ repository, action }));
    });
}

function isUser(header: string, users: ReadonlyMap<string, string>): boolean {
  const encoded = /^Basic ([A-Za-z0-9+/]{1,4096}={0,2})$/i.exec(header)?.[1];
  const text = Buffer.from(encoded ?? "", "base64").toString();
  const colon = text.indexOf(":");
  const password = users.get(text.slice(0, Math.max(colon, 0)));
  if (colon < 0 || password === undefined) return false;
  // Hashes have one length, so the comparison says nothing about the password's.
  return timingSafeEqual(sha256(text.slice(colon + 1)), sha256(password));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hashOf(token: string): string {
  return sha256(token).toString("hex");
}
