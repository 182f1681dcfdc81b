#!/usr/bin/env -S node --
// "--" keeps Node from taking our own --env-file for its own.
// Written so that any Node can read it: an old one must be able to say what is missing.
var version = process.versions.node.split(".").map(Number);

if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error(
    "ctr needs Node 22.18 or newer, and this is " +
      process.version +
      ". In a checkout of the repository, `npx ctr` uses the Node that `npm install` brings; elsewhere install a newer Node.",
  );
  process.exit(125);
}
// Compiled once, not by every command. Beside the program and never in the temporary directory, which is Node's own
// choice, and for nobody else to enter: whoever can write there could hand this process code.
var builtin = process.getBuiltinModule;
var cache = builtin("node:path").join(builtin("node:fs").realpathSync(process.argv[1]), "../../dist/compile-cache");
try {
  builtin("node:fs").mkdirSync(cache, { recursive: true, mode: 448 }); // 0700
  builtin("node:module").enableCompileCache(cache);
} catch (_error) {
  // The program belongs to somebody else: it works without.
}

import("../dist/bundle/ctr.js").catch((error) => {
  if (error && error.code === "ERR_MODULE_NOT_FOUND")
    console.error("ctr is not built yet: run `npm run build` in the repository");
  else console.error(error);
  process.exit(125);
});
