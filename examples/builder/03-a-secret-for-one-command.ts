import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildImage, isBuilderError } from "@ctr/builder";
import { openStore } from "@ctr/image-store";

const root = mkdtempSync(join(tmpdir(), "build-"));
using store = openStore({ root: join(root, "store") });
const worker = { run: async () => ({ exitCode: 0 }) };
const text = "FROM scratch\nRUN --mount=type=secret,id=token,required --network=host fetch\n";
for (const allow of [[], ["network.host"]] as const)
  try {
    await buildImage({ store, worker, context: root, text, allow, secrets: { other: () => Buffer.from("s3cret") } });
  } catch (error) {
    if (isBuilderError(error)) console.log(`${error.code} ${error.message.split(";")[0]}`);
  }
rmSync(root, { recursive: true });
// prints: ERR_BUILDER_NOT_ALLOWED network.host is not allowed
// prints: ERR_BUILDER_SECRET secret token: not found
