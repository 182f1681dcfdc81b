import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

// Each entry as somebody has it who uses it alone; what it shares with the others is counted in each.
for (const entry of ["index", "check/index", "fix/index"])
  test(`${entry} is under 60 KB minified and imports nothing`, async () => {
    const { outputFiles, metafile } = await build({
      entryPoints: [fileURLToPath(new URL(`../src/${entry}.ts`, import.meta.url))],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2024",
      write: false,
      metafile: true,
    });
    expect(outputFiles[0]!.contents.length).toBeLessThan(60_000);
    expect(Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual(
      [],
    );
  });
