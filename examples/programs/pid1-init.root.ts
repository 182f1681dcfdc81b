// Why --init: PID 1 of a container inherits every orphan and gets no signal that it has no handler for.
// A program that was not written for that leaves zombies and cannot be stopped; a small init in front of it does both.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { makePipe } from "@ctr/kernel";

const root = mkdtempSync(join(tmpdir(), "ctr-example-"));
const engine = openEngine({ root });
await engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });

// The child of a shell that has ended becomes PID 1's. This one ends when it is told to.
const orphan = "(sh -c 'until [ -e /go ]; do :; done; echo $$ > /orphan' &); exec sleep 1000";
// Once PID 1 or its child is `sleep`, let the orphan end. It is a zombie (Z) for good when PID 1 sleeps on without
// having heard of it (SIGCHLD, bit 16 of the pending signals); a reaper is awake until the zombie is gone.
const look = `
  idle() {
    now=$(cat /proc/1/status)
    echo "$now" | grep -q '^State:.S' && ! echo "$now" | grep -q '^S[ih][gd]Pnd:.*[13579bdf][0-9a-f]\\{4\\}$'
  }
  until grep -qx sleep /proc/1/comm /proc/1/task/1/children /proc/[0-9]*/comm 2>/dev/null; do :; done
  touch /go; until [ -s /orphan ]; do :; done; status=/proc/$(cat /orphan)/status
  until [ ! -e $status ] || { grep -q '^State:.Z' $status 2>/dev/null && idle && idle; }; do :; done
  [ -e $status ] && echo "a zombie" || echo "gone"`;

for (const init of [false, true]) {
  const { id } = await engine.containers.create({
    image: "busybox",
    command: ["sh", "-c", orphan],
    network: "none",
    init,
  });
  (await engine.containers.start(id)).attachment.close();
  console.log(
    `${init ? "with" : "without"} --init: PID 1 is ${await ask(id, "until ! grep -qx sh /proc/1/comm; do :; done; cat /proc/1/comm")}`,
  );
  console.log(`  an orphan that has ended is ${await ask(id, look)}`);
  // Where TERM is dropped there is no use in waiting.
  const { ignoresSignal } = await engine.containers.stop(id, { seconds: init ? 60 : 0 });
  console.log(`  SIGTERM is ${ignoresSignal ? "dropped" : "handed on"}: exit code ${await engine.containers.wait(id)}`);
  await engine.containers.remove(id);
}
engine.close();
rmSync(root, { recursive: true });

/** What a shell script prints in a container. */
async function ask(id: string, script: string): Promise<string> {
  const nothing = openSync("/dev/null", "r+");
  const answer = makePipe();
  const child = await engine.containers.exec(id, {
    command: ["sh", "-c", script],
    stdio: [nothing, answer.write, nothing],
  });
  closeSync(answer.write);
  closeSync(nothing);
  await child.ended();
  const text = readFileSync(answer.read, "utf8").trim();
  closeSync(answer.read);
  return text;
}
// prints: without --init: PID 1 is sleep
// prints:   an orphan that has ended is a zombie
// prints:   SIGTERM is dropped: exit code 137
// prints: with --init: PID 1 is ctr-init
// prints:   an orphan that has ended is gone
// prints:   SIGTERM is handed on: exit code 143
