import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareTrees } from "@ctr/image-reuse";

// Two layers as overlay keeps them: the upper one only made a file executable, and so holds all of it again.
const root = await mkdtemp(join(tmpdir(), "reuse-"));
const [base, upper] = [join(root, "base"), join(root, "upper")];
for (const layer of [base, upper]) {
  await mkdir(layer);
  await writeFile(join(layer, "model"), "x".repeat(1000));
}
await chmod(join(upper, "model"), 0o755);

for await (const { kind, path, differs, copiedBytes } of compareTrees({ before: [base], after: [upper, base] }))
  if (path !== "/") console.log(kind, path, differs.includes("mode"), copiedBytes, "bytes again");
await rm(root, { recursive: true });
// prints: changed /model true 1000 bytes again
