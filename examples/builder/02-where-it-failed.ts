import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage, isBuilderError } from "@ctr/builder";
import { openStore } from "@ctr/image-store";

const root = mkdtempSync(join(tmpdir(), "build-"));
using store = openStore({ root: join(root, "store") });
const worker = { run: async () => ({ exitCode: 0 }) };
try {
  await buildImage({ store, worker, context: root, text: "FROM scratch\n\nCOPY missing.txt /\n" });
} catch (error) {
  if (isBuilderError(error)) console.log(`${error.file}:${error.line} ${error.code}`);
}
rmSync(root, { recursive: true });
// prints: Dockerfile:3 ERR_BUILDER_NOT_FOUND
