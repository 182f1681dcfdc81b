// Builds the site into .vitepress/dist: the generated pages first, then everything through VitePress.
//
//   packages/*/src ──▶ TypeDoc ────────▶ api/          ┐
//   packages/*/src ──▶ error-pages.mjs ▶ errors.md     ├─▶ VitePress ──▶ .vitepress/dist
//   *.md, examples/ by file include ───────────────────┘
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Application } from "typedoc";
import { build } from "vitepress";
import { errorsPage } from "./error-pages.mjs";

const docs = import.meta.dirname;

await writeApi();
writeFileSync(join(docs, "errors.md"), errorsPage());
refuseMissingIncludes();
await build(docs);

async function writeApi() {
  rmSync(join(docs, "api"), { recursive: true, force: true });
  const application = await Application.bootstrapWithPlugins({ options: join(docs, "typedoc.json") });
  const project = await application.convert();
  if (project === undefined) throw new Error("TypeDoc could not read the packages");
  // TypeDoc calls a module after its file: cgroups/src.
  for (const module of project.children ?? []) module.name = `@ctr/${module.name.replace(/\/src$/, "")}`;
  await application.generateOutputs(project);
}

/** VitePress writes "not found" into the page and goes on: a moved example would only be seen by a reader. */
function refuseMissingIncludes() {
  const missing = globSync("**/*.md", { cwd: docs, exclude: ["api/**", "node_modules/**"] }).flatMap((page) =>
    [...readFileSync(join(docs, page), "utf8").matchAll(/^<<< @\/([^\s{#]+)/gm)]
      .filter(([, path]) => !existsSync(join(docs, path)))
      .map(([, path]) => `${page} includes ${path}, which is not there`),
  );
  if (missing.length > 0) throw new Error(missing.join("\n"));
}
