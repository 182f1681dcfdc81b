// Who may import whom, made from the `ctr.layer` of every package.json. test/layers.test.ts holds the
// declared dependencies and the tsconfig references to the same table.
import { packages, sidewaysImports } from "./scripts/layers.mjs";

const sources = (names) => `^packages/(${names.join("|")})/src/`;
const all = [...packages.values()];

const layers = all.map((from) => ({
  name: `layer-${from.layer}-${from.folder}`,
  comment: `${from.name} is in layer ${from.layer}: it may import lower layers, and sideways only what scripts/layers.mjs lists`,
  severity: "error",
  from: { path: sources([from.folder]) },
  to: {
    path: sources(
      all
        .filter((to) => to !== from && to.layer >= from.layer && !sidewaysImports.has(`${from.folder} → ${to.folder}`))
        .map((to) => to.folder),
    ),
  },
}));

const mechanisms = all.filter((it) => it.hasSteps).map((it) => it.folder);
const formats = all.filter((it) => it.layer === 0).map((it) => it.folder);

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    ...layers,
    {
      name: "formats-are-pure",
      comment: "plan, oci and dockerfile run in a browser",
      severity: "error",
      from: { path: sources(formats) },
      to: { dependencyTypes: ["core", "npm", "npm-dev"] },
    },
    ...[{ dependencyTypes: ["core"] }, { path: [sources(["kernel"]), "^packages/[^/]+/src/host/"] }].map(
      (to, number) => ({
        name: `pure-half-${number === 0 ? "of-node" : "of-the-kernel"}`,
        comment: "the pure half of a mechanism (./steps) runs in a browser: only src/host/ touches the machine",
        severity: "error",
        from: { path: sources(mechanisms), pathNot: "^packages/[^/]+/src/(host/|index.ts)" },
        to,
      }),
    ),
    {
      name: "no-cycles",
      comment: "a cycle hides which part knows the other; types may name each other",
      severity: "error",
      from: { path: "^packages/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "nothing-unresolved",
      severity: "error",
      from: { path: "^packages/" },
      to: { couldNotResolve: true },
    },
    {
      name: "declared-packages-only",
      comment: "what a package imports from npm stands in its own package.json",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^packages/[^/]+/(bin|build|dist|scripts|test)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["ctr-source", "import", "node", "default"],
    },
  },
};
