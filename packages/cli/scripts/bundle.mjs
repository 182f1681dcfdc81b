// A few files instead of a hundred modules: half of a short command's time is loading.
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { builtins } from "./builtins.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { ctr: "src/main.ts" },
  outdir: "dist/bundle",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.18",
  conditions: ["ctr-source"],
  sourcemap: "linked",
  minifySyntax: true,
  plugins: [builtins],
  // commander and tar are CommonJS, and ask for Node's own modules.
  banner: {
    js: 'import { createRequire as ctrRequire } from "node:module"; const require = ctrRequire(import.meta.url);',
  },
  metafile: true,
  logLevel: "warning",
});

// Chunks carry a hash of their content in their names: those of the builds before are left.
const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
for (const name of readdirSync(`${root}dist/bundle`)) if (!made.has(name)) rmSync(`${root}dist/bundle/${name}`);

// Where the bundled loader of @ctr/kernel looks.
mkdirSync(`${root}dist/build`, { recursive: true });
for (const name of ["ctr_kernel.node", "ctr-init"]) {
  // Renamed into place: to write into a file that a running command has mapped would kill it (SIGBUS).
  copyFileSync(`${root}../kernel/build/${name}`, `${root}dist/build/${name}.new`);
  renameSync(`${root}dist/build/${name}.new`, `${root}dist/build/${name}`);
}

// What Node remembered about the files of before (bin/ctr.js).
rmSync(`${root}dist/compile-cache`, { recursive: true, force: true });
