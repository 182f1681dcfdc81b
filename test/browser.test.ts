// What is called pure runs in a browser: every formats package and every ./steps entry is bundled for one,
// and the bundle is loaded where neither Node's modules nor its globals exist.
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { type BuildFailure, build } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { packages } from "../scripts/layers.mjs";

const root = join(import.meta.dirname, "..");
const all = [...packages.values()];
const entries = [
  ...all.filter((it) => it.layer === 0).map((it) => it.name),
  ...all.filter((it) => it.hasSteps).map((it) => `${it.name}/steps`),
];
const sizes: string[] = [];

/** One script that sets the global `subject`, as a page would load it. */
async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(entry)};`, resolveDir: root },
    conditions: ["ctr-source"],
    platform: "browser",
    format: "iife",
    globalName: "subject",
    target: "es2024",
    bundle: true,
    minify: true,
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

// What a page has and a bare JavaScript realm does not.
const browser = { TextEncoder, TextDecoder, URL, console, crypto: globalThis.crypto, structuredClone };

for (const entry of entries)
  test(`${entry} loads in a browser`, async () => {
    const code = await bundle(entry);
    const exported = runInNewContext(`${code};Object.keys(subject)`, { ...browser });
    expect(exported.length).toBeGreaterThan(0);
    expect(code.match(/\b(Buffer\.(from|alloc|concat|byteLength)|process\.\w+|setImmediate\()/g) ?? []).toEqual([]);
    sizes.push(`${entry.padEnd(26)} ${kilobytes(code.length)} minified, ${kilobytes(gzipSync(code).length)} gzipped`);
  });

test("a bundle that needs Node is found out", async () => {
  const failure = await bundle("@ctr/namespaces").catch((error: BuildFailure) => error);
  expect(String(failure)).toMatch(/Could not resolve "node:/);
});

afterAll(() => console.log(sizes.join("\n")));

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
