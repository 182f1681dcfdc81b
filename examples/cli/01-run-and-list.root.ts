import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// A state directory of its own; without --root it is the usual place.
const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const ctr = (line: string): string =>
  execFileSync("npx", ["ctr", "--root", root, ...line.split(" ")], { encoding: "utf8" }).trim();

ctr("image from-host --tag busybox busybox");
console.log(ctr("run --rm --network none -h box busybox hostname"));
ctr("create --name later busybox true");
console.log(ctr("ps -a --format {{.Names}}:{{.Status}}"));

ctr("rm later");
rmSync(root, { recursive: true });
// prints: box
// prints: later:Created
