import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** One request that a server got. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  status: number;
}

/** A server on the loopback interface; it ends with the test. */
export class LocalServer {
  readonly seen: Seen[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<LocalServer> {
    const server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      const seen: Seen = { method, path: url, headers, status: 0 };
      local.seen.push(seen);
      response.on("finish", () => {
        seen.status = response.statusCode;
      });
      answer(request, response);
    });
    const local = new LocalServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return local;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

export const gitMissing: string | undefined = findGit();

function findGit(): string | undefined {
  try {
    execFileSync("git", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "needs git";
  }
}

const settings = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_AUTHOR_DATE: "@1000000000 +0000",
  GIT_COMMITTER_NAME: "c",
  GIT_COMMITTER_EMAIL: "c@example.com",
  GIT_COMMITTER_DATE: "@1000000000 +0000",
};

/** A repository to make commits in. */
export class LocalRepository {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    this.git("init", "--quiet", "--initial-branch=main");
  }

  git(...args: string[]): string {
    const options = { cwd: this.directory, env: settings, encoding: "utf8" } as const;
    return execFileSync("git", ["-c", "protocol.file.allow=always", ...args], options).trim();
  }

  /** Commit all files. @returns the commit */
  commit(): string {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message=x");
    return this.git("rev-parse", "HEAD");
  }
}

/** Serves all repositories below a directory as `/NAME/.git`, as GitHub does. @see git-http-backend(1) */
export function serveRepositories(root: string, allowed: (request: IncomingMessage) => boolean = () => true) {
  return LocalServer.start((request, response) => {
    if (!allowed(request)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      return;
    }
    const { pathname, search } = new URL(request.url!, "http://x");
    const env = {
      ...settings,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method!,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    };
    const backend = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    backend.on("close", () => {
      const all = Buffer.concat(chunks);
      const end = all.indexOf("\r\n\r\n");
      const headers = all.subarray(0, end).toString("latin1").split("\r\n");
      for (const line of headers) {
        const [name, value = ""] = line.split(": ", 2);
        if (name!.toLowerCase() === "status") response.statusCode = Number(value.slice(0, 3));
        else if (name !== "") response.setHeader(name!, value);
      }
      response.end(all.subarray(end + 4));
    });
  });
}
