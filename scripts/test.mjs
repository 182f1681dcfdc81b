// `npm test`: set up what is missing, then run every test, or those whose file names match an argument.
import { join } from "node:path";
import { runInForeground } from "./progress.mjs";
import { repository, setUp } from "./setup.mjs";

const { node, environment, typeErrors } = await setUp({ needsContainers: false });
// Tests run on sources: a type error is a finding of `npm run check` and does not keep them from running.
if (typeErrors !== "") process.stderr.write(`${typeErrors}Type errors: npm run check fails on them.\n`);
const runner = join(repository, "scripts/run-vitest.mjs");
process.exitCode = await runInForeground(node, [runner, ...process.argv.slice(2)], {
  cwd: repository,
  env: environment,
});
