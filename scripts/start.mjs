// `npm start`: set everything up, then walk through the main job.
import { join } from "node:path";
import { runInForeground } from "./progress.mjs";
import { repository, setUp } from "./setup.mjs";

const { node, environment, typeErrors } = await setUp({ needsContainers: true });
if (typeErrors !== "") {
  process.stderr.write(`${typeErrors}\nThe TypeScript sources do not compile; the walk needs them to.\n`);
  process.exit(1);
}
const walk = join(repository, "examples/programs/walk.ts");
process.exitCode = await runInForeground(node, ["--conditions=ctr-source", walk, ...process.argv.slice(2)], {
  cwd: repository,
  env: environment,
});
