// `import … from "node:x"` makes Node look at every name that the module exports, and some are loaded when they are
// looked at: node:fs brings all of node:stream, node:crypto all of Web Crypto. Here only the names that are used are
// looked at, and what takes milliseconds to load is loaded by the first call. Together a quarter of a short command.

/** Loaded by the first call of one of their functions. All else that a command uses is there from Node's start. */
const heavy = new Set([
  ...["node:child_process", "node:crypto", "node:fs/promises", "node:readline", "node:timers/promises", "node:zlib"],
]);

const identifier = /^[A-Za-z_$][\w$]*$/;

/** A plugin of the bundler: Node's own modules as modules of the bundle. `require` of CommonJS packages stays as it is. */
export const builtins = {
  name: "builtins",
  resolveId: (id, _importer, { kind }) =>
    id.startsWith("node:") && kind === "import-statement" ? `\0${id}` : undefined,
  load: (id) => (id.startsWith("\0node:") ? moduleText(id.slice(1)) : undefined),
};

function moduleText(path) {
  const builtin = process.getBuiltinModule(path);
  const names = Object.keys(builtin).filter((name) => identifier.test(name) && name !== "default");
  const isLazy = (name) => heavy.has(path) && typeof builtin[name] === "function" && /^[a-z]/.test(name);
  return [
    `const load = () => process.getBuiltinModule(${JSON.stringify(path)});`,
    "const pick = (name) => load()[name];",
    // As util.promisify() expects it, of execFile for one.
    'const custom = Symbol.for("nodejs.util.promisify.custom");',
    "const later = (name) => Object.defineProperty((...args) => pick(name)(...args), custom, { get: () => pick(name)[custom] });",
    // Local names that hide nothing: a module exports names such as `process` and `setTimeout`.
    ...names.map((name) => `const $${name} = /* @__PURE__ */ ${isLazy(name) ? "later" : "pick"}("${name}");`),
    `export { ${names.map((name) => `$${name} as ${name}`).join(", ")} };`,
    typeof builtin === "function" ? "export default load();" : defaultExport(names),
  ].join("\n");
}

/** The whole module, of which nothing is looked at before it is used. */
function defaultExport(names) {
  return `const whole = {};
for (const name of ${JSON.stringify(names)}) Object.defineProperty(whole, name, { enumerable: true, get: () => pick(name) });
export default whole;`;
}
