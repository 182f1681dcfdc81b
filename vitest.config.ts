import { existsSync } from "node:fs";
import { configDefaults, defineConfig } from "vitest/config";

// Tests of pure cgroup v2 run where it is: on such a machine, or in the virtual one of `npm run test:vm`.
const hasPureV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

export default defineConfig({
  // Tests read the packages' sources, never a build that may be stale.
  resolve: { conditions: ["ctr-source", "module", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["ctr-source", "module", "node", "import", "default"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(hasPureV2 ? [] : ["**/*.v2.root.test.ts"])],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
