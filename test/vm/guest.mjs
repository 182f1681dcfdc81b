// Inside the test machine: run the tests for pure cgroup v2 and say on the console how they went.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const report = "/tmp/report.json";
const vitest = ["node_modules/vitest/vitest.mjs", "run", ".v2.root.test.ts"];
// Everything takes six to eight times as long as outside.
const slow = ["--testTimeout=300000", "--hookTimeout=300000", "--maxWorkers=1", "--no-cache"];
const reports = ["--reporter=verbose", "--reporter=json", `--outputFile.json=${report}`];
const { status, signal } = spawnSync(process.execPath, [...vitest, ...slow, ...reports], { stdio: "inherit" });

let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
  counts = { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests };
  // A file that cannot be loaded fails without a test of its own.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
} catch {
  console.log(`no report: vitest ended with ${signal ?? status}`);
}
console.log(`=== result ${JSON.stringify(counts)}`);
