import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests read the packages' sources, never a build that may be stale.
  resolve: { conditions: ["ctr-source", "module", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["ctr-source", "module", "node", "import", "default"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
