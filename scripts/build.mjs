// `npm run build`: the set-up's products, then every package's own `build` script, in dependency order.
import { join } from "node:path";
import { runInForeground } from "./progress.mjs";
import { repository, setUp } from "./setup.mjs";

const { node, environment, typeErrors } = await setUp({ needsContainers: false });
process.stderr.write(typeErrors);
const lerna = join(repository, "node_modules/lerna/dist/cli.js");
const status = await runInForeground(node, [lerna, "run", "build", ...process.argv.slice(2)], {
  cwd: repository,
  env: environment,
});
process.exitCode = typeErrors === "" ? status : 1;
