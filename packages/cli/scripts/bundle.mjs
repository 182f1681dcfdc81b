// A few files instead of a hundred modules: half of a short command's time is loading.
import { copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { builtins } from "./builtins.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

await build({
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
  logLevel: "warning",
});

// Where the bundled loader of @ctr/kernel looks.
mkdirSync(`${root}dist/build`, { recursive: true });
for (const name of ["ctr_kernel.node", "ctr-init"]) {
  // Renamed into place: to write into a file that a running command has mapped would kill it (SIGBUS).
  copyFileSync(`${root}../kernel/build/${name}`, `${root}dist/build/${name}.new`);
  renameSync(`${root}dist/build/${name}.new`, `${root}dist/build/${name}`);
}

// What Node remembered about the files of before (bin/ctr.js).
rmSync(`${root}dist/compile-cache`, { recursive: true, force: true });
