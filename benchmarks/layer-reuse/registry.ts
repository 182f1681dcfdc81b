import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What has gone over the sockets of a registry since it began. */
export interface Counters {
  /** `GET /v2/…`, in order. */
  readonly requests: readonly string[];
  /** Bytes, headers included. */
  sent: number;
  received: number;
}

/** A registry on loopback, in a process of its own. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Undefined for a registry that does not count. */
  counters(): Promise<Counters | undefined>;
}

/** Serve an OCI layout with the server of `@ctr/registry`. */
export async function startRegistry(directory: string): Promise<Registry> {
  const program = fileURLToPath(new URL("registry-program.ts", import.meta.url));
  const child = fork(program, [directory], { execArgv: ["--conditions=ctr-source"] });
  const { host } = (await nextMessage(child)) as { host: string };
  return {
    host,
    counters: async () => {
      child.send("counters");
      return ((await nextMessage(child)) as { counters: Counters }).counters;
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const answered = new AbortController();
  const { signal } = answered;
  const ended = once(child, "exit", { signal }).then(() => {
    throw new Error("the registry has ended");
  });
  ended.catch(() => {});
  const [message] = (await Promise.race([once(child, "message", { signal }), ended])) as [unknown];
  answered.abort();
  return message;
}
