import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { encodeJson } from "@ctr/oci";
import { type BlobSource, openRegistry, pushImage } from "@ctr/registry";
import type { Registry } from "./registry.ts";
import type { Samples } from "./sample-image.ts";
import { blobPath } from "./sample-layer.ts";

// Nobody else listens in the network namespace of a benchmark, unless he was started the same way.
let nextPort = 5001;

/** Debian's `docker-registry` on a directory of its own. It does not count. */
export async function startDockerRegistry(directory: string): Promise<Registry> {
  mkdirSync(directory, { recursive: true });
  const host = `127.0.0.1:${nextPort++}`;
  const config = join(directory, "config.yml"); // YAML takes JSON
  const storage = { filesystem: { rootdirectory: directory }, cache: { blobdescriptor: "inmemory" } };
  writeFileSync(config, encodeJson({ version: "0.1", log: { level: "error" }, storage, http: { addr: host } }));
  const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const ended = once(child, "exit");
  while (!(await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error("docker-registry has ended");
    await pause(20);
  }
  return {
    host,
    counters: async () => undefined,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

/** Push both samples to a registry. */
export async function fill(host: string, samples: Samples): Promise<void> {
  await using registry = openRegistry({ host });
  for (const { repository, tag, manifest } of [samples.first, samples.second]) {
    const source: BlobSource = { open: ({ digest }) => createReadStream(blobPath(samples.layout, digest)) };
    for await (const _ of pushImage({ registry, repository, reference: tag, root: manifest, source }));
  }
}
