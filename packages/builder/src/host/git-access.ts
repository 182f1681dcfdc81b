import { BuilderError } from "../builder-error.ts";
import type { GitReference } from "../git-reference.ts";
import type { BuildGrants } from "../secret-source.ts";
import type { GitAccess } from "./git-program.ts";

/**
 * What a repository is shown of the caller's: the password of its address, the secret that is meant for it, the ssh
 * agent that the caller lends.
 *
 * @param o.ownKeys  Whether ssh may use the keys of whoever runs the build.
 * @see https://docs.docker.com/build/building/secrets/#git-authentication-for-remote-contexts
 */
export async function gitAccess(
  { remote, credentials }: GitReference,
  { secrets, agents }: BuildGrants,
  o: { readonly ownKeys: boolean },
): Promise<GitAccess> {
  const own = o.ownKeys ? process.env.SSH_AUTH_SOCK : undefined;
  return {
    authorization: /^https?:/i.test(remote) ? await authorizationOf(new URL(remote), credentials, secrets) : undefined,
    agent: Object.hasOwn(agents, "default") ? agents.default : own,
    ownKeys: o.ownKeys,
  };
}

async function authorizationOf(
  { host }: URL,
  credentials: string | undefined,
  secrets: BuildGrants["secrets"],
): Promise<string | undefined> {
  if (credentials !== undefined) return basic(credentials);
  for (const id of [`GIT_AUTH_HEADER.${host}`, "GIT_AUTH_HEADER"]) {
    const value = await read(id, secrets);
    if (value !== undefined) return value;
  }
  for (const id of [`GIT_AUTH_TOKEN.${host}`, "GIT_AUTH_TOKEN"]) {
    const value = await read(id, secrets);
    if (value !== undefined) return basic(`x-access-token:${value}`);
  }
  return undefined;
}

const basic = (credentials: string): string => `Basic ${Buffer.from(credentials).toString("base64")}`;

async function read(id: string, secrets: BuildGrants["secrets"]): Promise<string | undefined> {
  if (!Object.hasOwn(secrets, id)) return undefined;
  const value = Buffer.from(await secrets[id]!())
    .toString("utf8")
    .trim();
  if (!/[\r\n\0]/.test(value)) return value;
  throw new BuilderError({ code: "ERR_BUILDER_SECRET", message: `secret ${id} is no header: it has several lines` });
}
