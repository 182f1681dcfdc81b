import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { registryOptions } from "@ctr/engine";
import { openRegistry, type Registry } from "@ctr/registry";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { Failure, harmless } from "./failure.ts";

export interface ServeOptions {
  readonly root: string;
  /** Default: the images of `root`, for reading. */
  readonly directory?: string | undefined;
  readonly listen: string;
  readonly proxy?: string | undefined;
  readonly readonly?: boolean | undefined;
}

/**
 * Be a registry until a signal ends it. Each answer is a line on standard output.
 *
 * @throws {Failure} {RegistryError}
 */
export async function serve(o: ServeOptions): Promise<void> {
  const images = join(o.root, "images");
  const directory = resolve(o.directory ?? images);
  // The index of a store is written from its database, so nobody else may write to it.
  const isStore = existsSync(join(directory, "..", "ctr.db"));
  if (o.proxy !== undefined && isStore)
    throw new Failure("--proxy keeps what it fetches: name a directory for it, which is no store of images", 1);
  // A cache takes nothing from clients as it is.
  const readOnly = isStore || (o.readonly === true && o.proxy === undefined);
  if (readOnly && !existsSync(join(directory, "oci-layout"))) throw new Failure(`${directory} holds no images yet`, 1);
  await using upstream = o.proxy === undefined ? undefined : await openUpstream(o.root, o.proxy);
  await using server = await open(o, { directory, readOnly, upstream });
  const what = upstream === undefined ? directory : `${upstream.host}, kept in ${directory}`;
  process.stdout.write(`Serving ${harmless(what)}${readOnly ? ", for reading" : ""}, at ${server.origin}\n`);
  await new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
}

/** @param text  `docker.io`, `http://10.0.0.2:5000` */
async function openUpstream(root: string, text: string): Promise<Registry> {
  const [, scheme, host] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(text) ?? [];
  if (host === undefined)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for --proxy: write [http://]host[:port]`, 125);
  const options = await registryOptions({ root, host });
  return openRegistry(scheme === undefined ? options : { ...options, scheme: scheme as "http" | "https" });
}

async function open(
  o: ServeOptions,
  place: {
    readonly directory: string;
    readonly readOnly: boolean;
    readonly upstream: Registry | undefined;
  },
): Promise<RegistryServer> {
  try {
    return await openRegistryServer({
      ...place,
      ...readAddress(o.listen),
      onAnswer: ({ address, method, path, status }) =>
        void process.stdout.write(`${address} ${method} ${path} ${status}\n`),
    });
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error && error.syscall === "listen")) throw error;
    throw new Failure(`cannot listen on ${o.listen}: ${error.message}`, 1);
  }
}

/** `127.0.0.1:5000`, `[::1]:5000`; `:5000` is every address of this machine. @throws {Failure} */
function readAddress(text: string): { readonly address: string; readonly port: number } {
  const match = /^(?:([0-9A-Za-z.-]+)|\[([0-9A-Fa-f:.]+)\])?:([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for --listen: write address:port`, 125);
  return { address: match[1] ?? match[2] ?? "::", port };
}
