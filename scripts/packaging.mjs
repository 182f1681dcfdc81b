// Looks at every package as npm would pack it: do the entries exist, in the format that they claim?
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { packages } from "./layers.mjs";
import { repository } from "./setup.mjs";

let complaints = 0;
for (const { folder, name, manifest } of packages.values()) {
  const { messages } = await publint({ pkgDir: join(repository, "packages", folder), pack: "npm", strict: true });
  for (const message of messages) console.log(`${name}: ${formatMessage(message, manifest, { color: false })}`);
  complaints += messages.length;
}
process.exitCode = complaints === 0 ? 0 : 1;
