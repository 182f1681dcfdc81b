import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage } from "@ctr/builder";
import { openStore } from "@ctr/image-store";

// A context can be a stream: an archive with a Dockerfile in it, or, as here, a Dockerfile without any files.
async function* archive(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('FROM scratch\nLABEL from=stream\nCMD ["hello"]\n');
}
const root = mkdtempSync(join(tmpdir(), "build-"));
using store = openStore({ root });
const worker = { run: async () => ({ exitCode: 0 }) };
const { names } = await buildImage({ store, worker, context: { archive }, tags: ["streamed"] });
console.log(names[0], (await store.read(store.resolve("streamed"))).config.config?.Labels?.from);
rmSync(root, { recursive: true });
// prints: docker.io/library/streamed:latest stream
