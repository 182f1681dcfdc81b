import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "@ctr/builder";
import { openStore } from "@ctr/image-store";

const root = mkdtempSync(join(tmpdir(), "build-"));
using store = openStore({ root: join(root, "store") });
const worker = { run: async () => ({ exitCode: 0 }) }; // no RUN here: nothing to run
const text = 'FROM scratch\nARG WHO=world\nLABEL greets=$WHO\nCMD ["hello"]\n';
for await (const event of build({ store, worker, context: root, text, tags: ["hello"], args: { WHO: "you" } })) {
  if (event.type === "stepStarted") console.log(`${event.step}/${event.total} ${event.instruction}`);
  if (event.type === "imageFinished") console.log(event.names[0]);
}
console.log((await store.read(store.resolve("hello"))).config.config?.Labels?.greets);
rmSync(root, { recursive: true });
// prints: 1/4 FROM scratch
// prints: 2/4 ARG WHO=world
// prints: 3/4 LABEL greets=$WHO
// prints: 4/4 CMD ["hello"]
// prints: docker.io/library/hello:latest
// prints: you
