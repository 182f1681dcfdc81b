// A server that is killed leaves a directory that the next one serves.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import { collect, MemorySink, makeImage, memorySource, pullInto, sha256, temporaryDirectory } from "./images.ts";

const program = `
import { openRegistryServer } from "@ctr/registry/server";
const server = await openRegistryServer({ directory: process.argv[1] });
console.log(server.host);
`;

async function startServer(directory: string): Promise<{ readonly child: ChildProcess; readonly host: string }> {
  const child = spawn(
    process.execPath,
    [
      "--conditions=ctr-source",
      "--disable-warning=ExperimentalWarning",
      "--input-type=module-typescript",
      "-e",
      program,
      directory,
    ],
    { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = await once(child.stdout!, "data");
  return { child, host: String(line).trim() };
}

const image = makeImage({ seed: 5, sizes: [400_000, 90_000] });
const whole = [...image.bytes.values()].reduce((sum, it) => sum + it.length, 0);

for (const afterBytes of [0, 50_000, 100_000, 300_000, whole - 1, whole])
  test(`killed when ${afterBytes} bytes have been sent`, async () => {
    await using directory = await temporaryDirectory();
    const push = {
      repository: "app",
      reference: "1",
      root: image.root,
      source: memorySource(image.bytes),
      concurrency: 1,
    };
    const { child, host } = await startServer(directory.path);
    await using dying = openRegistry({ host, retry: { attempts: 1 } });
    let sent = 0;
    const source = {
      async *open(...[descriptor, start]: Parameters<typeof push.source.open>) {
        for await (const chunk of push.source.open(descriptor, start)) {
          if (sent >= afterBytes) child.kill("SIGKILL");
          sent += chunk.length;
          yield chunk;
        }
      },
    };
    await collect(pushImage({ ...push, source, registry: dying })).catch(() => {});
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }

    await using server = await openRegistryServer({ directory: directory.path });
    for (const name of await readdir(join(directory.path, "blobs", "sha256")))
      expect(sha256(await readFile(join(directory.path, "blobs", "sha256", name)))).toBe(`sha256:${name}`);
    await using registry = openRegistry({ host: server.host });
    await collect(pushImage({ ...push, registry }));
    const sink = new MemorySink();
    await pullInto(sink, { registry, repository: "app", reference: "1" });
    expect(sink.kept.size).toBe(image.bytes.size);
    expect(await readdir(join(directory.path, "uploads"))).toEqual([]);
  });
