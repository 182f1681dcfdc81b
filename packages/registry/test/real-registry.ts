// Debian's docker-registry and skopeo, when they are installed, and certificates for them.
import { execFile, spawn, spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

/** Why a program cannot be used, or false. */
export function missing(program: string): string | false {
  const { error } = spawnSync(program, ["--version"], { stdio: "ignore" });
  return error === undefined ? false : `${program} is not installed`;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certPath: string;
  readonly keyPath: string;
}

/** A certificate for 127.0.0.1 that signs itself. */
export async function makeCertificate(directory: string, name: string): Promise<Certificate> {
  const certPath = join(directory, `${name}.crt`);
  const keyPath = join(directory, `${name}.key`);
  await run("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
    ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyPath, "-out", certPath],
  ]);
  return { certPath, keyPath, cert: await readFile(certPath, "utf8"), key: await readFile(keyPath, "utf8") };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// The password "secret" of the user "ann".
const htpasswd = "ann:$2y$05$YcqAjJoxO8.R9aj1SQhA2uPcS9HvHyx1Z4YY8YV0hY3r8AhYEkyXS";

/** Start docker-registry in `directory`; it listens when this resolves. */
export async function startDockerRegistry(
  directory: string,
  o: { readonly hasAuth?: boolean; readonly certificate?: Certificate } = {},
): Promise<AsyncDisposable & { readonly host: string }> {
  const host = `127.0.0.1:${await freePort()}`;
  await writeFile(join(directory, "htpasswd"), `${htpasswd}\n`);
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, "data") }, delete: { enabled: true } },
    http: {
      addr: host,
      ...(o.certificate === undefined
        ? {}
        : { tls: { certificate: o.certificate.certPath, key: o.certificate.keyPath } }),
    },
    ...(o.hasAuth === true ? { auth: { htpasswd: { realm: "test", path: join(directory, "htpasswd") } } } : {}),
  };
  const path = join(directory, "config.yml");
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", path], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("listening on")) resolve();
    });
    child.on("error", reject);
    child.on("exit", () => reject(new Error(`docker-registry ended: ${said}`)));
  });
  return {
    host,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        child.on("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
}
