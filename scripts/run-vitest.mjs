// Runs vitest, then says in the last lines what was skipped and why, and how many passed.
import { relative } from "node:path";
import { parseCLI, startVitest } from "vitest/node";

const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)]);
const vitest = await startVitest("test", filter, { ...options, watch: false });
const modules = vitest.state.getTestModules();
const tests = modules.flatMap((module) => [...module.children.allTests()]);
const count = (state) => tests.filter((test) => test.result().state === state).length;

// A file that does not load has no tests that could fail, and an error outside of every test has no name.
const brokenFiles = modules.filter((module) => module.state() === "failed" && module.errors().length > 0).length;
const strayErrors = vitest.state.getUnhandledErrors().length;
const failed = count("failed") + brokenFiles + strayErrors;

for (const [line, times] of skippedLines(modules))
  console.log(`skipped: ${line}${times > 1 ? ` (${times} tests)` : ""}`);
await vitest.close();
console.log(`${count("passed")} passed, ${failed} failed, ${count("skipped") + count("pending")} skipped`);
process.exit(failed > 0 || tests.length === 0 ? 1 : 0);

/** What was skipped, a whole `describe` in one line, with the reason that its test or its title gives. */
function skippedLines(modules) {
  const lines = new Map();
  for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
    const { state, note } = test.result();
    if (state !== "skipped" && state !== "pending") continue;
    const named = note ? test : outermostSkipped(test);
    const file = relative(process.cwd(), test.module.moduleId);
    const line = `${file} > ${named.fullName}${note ? `: ${note}` : ""}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return lines;
}

function outermostSkipped(entity) {
  const { parent } = entity;
  return parent?.type === "suite" && parent.options.mode === "skip" ? outermostSkipped(parent) : entity;
}
