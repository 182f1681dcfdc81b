import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
const root = fileURLToPath(new URL("..", import.meta.url));
const [out, ...opts] = process.argv.slice(2);
rmSync(`${root}dist/${out}`, { recursive: true, force: true });
const onFirstUse = new Set(["node:crypto", "node:fs/promises", "node:timers/promises"]);
const builtins = {
  name: "builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) => (kind === "import-statement" && opts.includes("lazy") ? { path, namespace: "builtin" } : undefined));
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => {
      const builtin = process.getBuiltinModule(path);
      const lines = [`const load = () => process.getBuiltinModule(${JSON.stringify(path)});`, "const pick = (name) => load()[name];"];
      const names = Object.keys(builtin).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default");
      for (const name of names) {
        const lazy = onFirstUse.has(path) && /^[a-z]/.test(name) && typeof builtin[name] === "function";
        lines.push(lazy ? `const ${"$" + name} = (...args) => load().${name}(...args);` : `const ${"$" + name} = /* @__PURE__ */ pick("${name}");`);
      }
      lines.push(`export { ${names.map((name) => `$${name} as ${name}`).join(", ")} };`);
      lines.push(typeof builtin === "function" ? "export default load();" : `const whole = {}; for (const name of ${JSON.stringify(names)}) Object.defineProperty(whole, name, { get: () => pick(name) }); export default whole;`);
      return { contents: lines.join("\n") };
    });
  },
};
const r = await build({ plugins: [builtins],
  absWorkingDir: root, entryPoints: { ctr: opts.includes("one") ? "src/main5.ts" : "src/main.ts" }, outdir: `dist/${out}`, bundle: true, splitting: true, format: "esm", platform: "node", target: "node22.18",
  conditions: ["ctr-source"], sourcemap: "linked", minifySyntax: true,
  ...(opts.includes("min") ? { minify: true } : {}),
  ...(opts.includes("ws") ? { minifyWhitespace: true } : {}),
  banner: { js: 'import { createRequire as ctrRequire } from "node:module"; const require = ctrRequire(import.meta.url);' },
  logLevel: "warning", metafile: true,
});
writeFileSync(`/tmp/meta-${out}.json`, JSON.stringify(r.metafile));
const big = Object.entries(r.metafile.outputs).filter(([n]) => n.endsWith(".js")).sort((a, b) => b[1].bytes - a[1].bytes);
for (const [n, o] of big.slice(0, 4)) { console.log(n, o.bytes); const by = {}; for (const [i, { bytesInOutput }] of Object.entries(o.inputs)) { const k = i.replace(/^.*node_modules\/((@[^/]+\/)?[^/]+)\/.*$/, "npm:$1").replace(/^\.\.\/([^/]+)\/.*$/, "$1"); by[k] = (by[k] ?? 0) + bytesInOutput; } console.log(Object.entries(by).sort((a, b) => b[1] - a[1]).slice(0, 25).map(([k, v]) => k + " " + (v / 1000).toFixed(0)).join(", ")); }
