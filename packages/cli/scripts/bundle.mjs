// A few files instead of hundreds of modules: half of a short command's time is loading, and every file costs a
// millisecond. What any command needs is one file; what only some need are files that they load.
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { builtins } from "./builtins.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const main = `${root}src/main.ts`;

/** What belongs together: each is what its roots import without import(), and no group before it has. */
const groups = [
  { name: "core", roots: [main] },
  {
    name: "pull",
    roots: [`${root}src/commands/registry.ts`, `${root}src/transfer.ts`, `${root}../engine/src/pull.ts`],
  },
].map((group) => ({ ...group, members: new Set() }));

const findMembers = {
  name: "find-members",
  buildEnd() {
    const visit = (id, members) => {
      if (groups.some((group) => group.members.has(id))) return;
      members.add(id);
      for (const imported of this.getModuleInfo(id)?.importedIds ?? []) visit(imported, members);
    };
    for (const { roots, members } of groups) for (const id of roots) visit(resolve(id), members);
    groups[0].members.delete(main); // it waits for what it loads, which would wait for it in turn, were they one file
  },
};

const bundle = await rolldown({
  cwd: root,
  input: { ctr: main },
  platform: "node",
  resolve: { conditionNames: ["ctr-source", "import", "node", "default"] },
  plugins: [builtins, findMembers],
  onLog: (level, log, report) => {
    if (log.code !== "INEFFECTIVE_DYNAMIC_IMPORT") report(level, log);
  },
});
const { output } = await bundle.write({
  dir: "dist/bundle",
  format: "esm",
  sourcemap: true,
  minify: { compress: true, mangle: false, codegen: false },
  codeSplitting: { groups: groups.map(({ name, members }) => ({ name, test: (id) => members.has(id) })) },
  chunkFileNames: "[name]-[hash].js",
  entryFileNames: "[name].js",
});
await bundle.close();

// Chunks carry a hash of their content in their names: those of the builds before are left.
const made = new Set(output.map(({ fileName }) => fileName));
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
