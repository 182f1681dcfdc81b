import { spawn } from "node:child_process";
import { parseJson } from "@ctr/oci";
import type { Credentials } from "./credentials.ts";
import { printable, RegistryError } from "./registry-error.ts";

const maxAnswerBytes = 64 * 1024;
const maxSeconds = 60;

/** What helpers of all makes say when they know nothing of a server; the exit status does not tell. */
const unknownServer = "credentials not found in native keychain";

/**
 * Ask `docker-credential-<name>`. The server and the secret go through standard input, since an argument
 * list is open to every process of the machine.
 *
 * @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS`
 * @see https://github.com/docker/docker-credential-helpers, "Development"
 */
export async function helperGet(name: string, server: string): Promise<Credentials | undefined> {
  const { status, output } = await run(name, "get", server);
  if (status !== 0) {
    if (output.toString().trim().startsWith(unknownServer)) return undefined;
    throw failed(name, server, `exit status ${status}: ${printable(output.toString().trim())}`);
  }
  let answer: unknown;
  try {
    answer = parseJson(output, maxAnswerBytes);
  } catch (error) {
    // The cause would quote the answer, which may hold the secret.
    throw failed(name, server, `its answer is no JSON document (${error instanceof Error ? error.name : "?"})`);
  }
  const { Username: username, Secret: secret } = (answer ?? {}) as Record<string, unknown>;
  if (typeof username !== "string" || typeof secret !== "string")
    throw failed(name, server, "its answer lacks Username or Secret");
  if (secret === "") return undefined;
  return username === "<token>" ? { identityToken: secret } : { username, password: secret };
}

/** @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS` */
export async function helperStore(
  name: string,
  server: string,
  credentials: { readonly username: string; readonly password: string },
): Promise<void> {
  const entry = JSON.stringify({ ServerURL: server, Username: credentials.username, Secret: credentials.password });
  const { status, output } = await run(name, "store", entry);
  if (status !== 0) throw failed(name, server, `exit status ${status}: ${printable(output.toString().trim())}`);
}

/** @throws {RegistryError} `ERR_REGISTRY_CREDENTIALS` */
export async function helperErase(name: string, server: string): Promise<void> {
  const { status, output } = await run(name, "erase", server);
  if (status !== 0 && !output.toString().trim().startsWith(unknownServer))
    throw failed(name, server, `exit status ${status}: ${printable(output.toString().trim())}`);
}

function run(name: string, verb: string, input: string): Promise<{ readonly status: number; readonly output: Buffer }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name)) throw failed(name, "", "this cannot be the name of a helper");
  return new Promise((resolve, reject) => {
    const child = spawn(`docker-credential-${name}`, [verb], {
      stdio: ["pipe", "pipe", "ignore"],
      timeout: maxSeconds * 1000,
      killSignal: "SIGKILL",
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxAnswerBytes) child.kill("SIGKILL");
      else chunks.push(chunk);
    });
    child.on("error", (error) => reject(failed(name, "", error.message, error)));
    child.on("close", (status) => resolve({ status: status ?? -1, output: Buffer.concat(chunks) }));
    // A helper that ends without reading is judged by its exit status.
    child.stdin.on("error", () => {});
    child.stdin.end(`${input}\n`);
  });
}

function failed(name: string, server: string, why: string, cause?: unknown): RegistryError {
  return new RegistryError(
    "ERR_REGISTRY_CREDENTIALS",
    `the credential helper docker-credential-${printable(name)} failed: ${why}`,
    {
      host: server,
      cause,
    },
  );
}
