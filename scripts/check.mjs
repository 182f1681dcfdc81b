// `npm run check`: what a reviewer runs beside the tests; one line for each check, its findings when it fails.
import { join } from "node:path";
import { runWithProgress } from "./progress.mjs";
import { repository, setUp } from "./setup.mjs";

const { node, environment } = await setUp({ needsContainers: false });
const module = (path) => join(repository, "node_modules", path);
const script = (name) => join(repository, "scripts", name);

// In this order: the later ones read what `types` compiles.
const checks = [
  { name: "types of the packages", args: [module("typescript/bin/tsc"), "-b"] },
  { name: "types of tests and examples", args: [module("typescript/bin/tsc"), "-p", "tsconfig.check.json"] },
  { name: "format and lint (biome)", args: [module("@biomejs/biome/bin/biome"), "check", "--colors=off"] },
  { name: "layers (dependency-cruiser)", args: [module("dependency-cruiser/bin/dependency-cruiser.mjs"), "packages"] },
  { name: "dead code (knip)", args: [module("knip/bin/knip.js"), "--no-config-hints", "--no-progress"] },
  { name: "packaging (publint)", args: [script("packaging.mjs")] },
  { name: "public surface (api.md)", args: [script("api-surface.mjs"), "--check"] },
  { name: "docs site", args: [join(repository, "docs/build.mjs")] },
];

const wanted = process.argv.slice(2);
let [passed, failed] = [0, 0];
for (const { name, args } of checks) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  try {
    await runWithProgress(name, node, args, { cwd: repository, env: environment });
    passed++;
  } catch (error) {
    process.stderr.write(error.output ?? `${error.stack}\n`);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
