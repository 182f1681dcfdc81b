// Two programs in one container: a supervisor as PID 1 starts both, hands SIGTERM on, and waits for them.
// It is a shell script here; any program that does these three things will do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";

const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const engine = openEngine({ root });
await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });

const program = (name: string): string =>
  `sh -c 'trap "echo ${name} stops; exit 0" TERM; echo ${name} runs; sleep 1000 & wait'`;
const supervisor = `
  ${program("web")} & web=$!
  ${program("database")} & database=$!
  trap 'kill -TERM $web $database' TERM
  wait $web $database     # returns early when TERM arrives
  wait $web $database     # they are on their way
  echo both have stopped`;

const { id } = await engine.containers.create({ image: "busybox", command: ["sh", "-c", supervisor], network: "none" });
(await engine.containers.start(id)).attachment.close();
const lines: string[] = [];
let stopped: Promise<{ readonly killed: boolean }> | undefined;
for await (const { log } of engine.containers.logs(id, { follow: true })) {
  lines.push(...log.trimEnd().split("\n"));
  // Both are up: stop them. A second is plenty.
  if (lines.length >= 2) stopped ??= engine.containers.stop(id, { seconds: 1 });
}
// The two answer in any order.
console.log(lines.slice(0, 2).sort().join(", "));
console.log(lines.slice(2, 4).sort().join(", "));
console.log(`${lines[4]}: exit code ${await engine.containers.wait(id)}, killed: ${(await stopped)?.killed}`);

await engine.containers.remove(id);
engine.close();
rmSync(root, { recursive: true });
// prints: database runs, web runs
// prints: database stops, web stops
// prints: both have stopped: exit code 0, killed: false
