// Whatever the disk or the kernel refuses to a command: it succeeds or says why in one line, and the store is usable.
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Scenario, scenarios, World } from "./crash/scenarios.ts";
import { expectClean, expectNothingLeft, expectUsable } from "./crash/sound-store.ts";
import { spread } from "./crash/spread.ts";
import { cannotTrace, type Errno, type Traced, Tracer } from "./crash/tracer.ts";

/** Faults of each kind in each command, unless all are tried. */
const sample = 3;

/** What a message must say. SQLite has few words for all that a disk does not do, and Node one for all directories that it cannot make with those above. */
const elsewhere =
  "(disk I/O error|unable to open database file|attempt to write a readonly database); look at its disk|ENOENT.*, mkdir '";
const reasons: Readonly<Record<Errno, RegExp>> = {
  ENOSPC: new RegExp(`no space left on device|${elsewhere}`),
  EIO: new RegExp(`EIO|Input/output error|${elsewhere}`),
  EMFILE: new RegExp(`EMFILE|too many open files|${elsewhere}`),
  ENOMEM: new RegExp(`ENOMEM|[Cc]annot allocate memory|${elsewhere}`),
};

const errnos = Object.keys(reasons) as Errno[];

describe.skipIf(cannotTrace)("system calls that fail (needs root)", { timeout: 7_200_000 }, () => {
  let world: World;
  let tracer: Tracer;
  beforeAll(async () => {
    world = await World.make(realpathSync(mkdtempSync(join(tmpdir(), "ctr-faults-"))));
    tracer = new Tracer(world.directory);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  for (const scenario of scenarios)
    for (const [index, errno] of errnos.entries())
      test(`${scenario.name}: ${errno}`, async () => {
        await world.begin(scenario.begins);
        const { status, calls } = await tracer.run(world.root, scenario.args(world), { kind: "count", reads: true });
        expect(status).toBe(0);
        const broken: string[] = [];
        const points = spread(calls, sample, index / errnos.length);
        for (const at of points)
          await afterFault(scenario, errno, at).catch((error: unknown) => broken.push((error as Error).message));
        expect(broken).toEqual([]);
        console.log(`${scenario.name}: ${errno} at ${points.length} of ${calls} points`);
      });

  async function afterFault(scenario: Scenario, errno: Errno, at: number): Promise<void> {
    await world.begin(scenario.begins);
    const traced = await tracer.run(world.root, scenario.args(world), { kind: "fail", at, errno });
    try {
      using engine = openEngine({ root: world.root });
      await expectUsable(engine);
      if (traced.status === 0) await scenario.expectDone(engine, world);
      else expectOneReason(traced, reasons[errno]);
      await scenario.again(engine, world);
      await scenario.expectDone(engine, world);
      await expectClean(engine);
    } catch (error) {
      const said = `status ${traced.status}, ${JSON.stringify(traced.stderr)}`;
      throw new Error(`${errno} from call ${at}, ${traced.met[0]}: ${said}: ${(error as Error).stack}`, {
        cause: error,
      });
    }
    await expectNothingLeft(world.root);
  }

  /** One line, no trace of the program's inside, and a reason. It did not hang either: then there is no status. */
  function expectOneReason({ status, stderr }: Traced, reason: RegExp): void {
    expect(status).toBe(1);
    expect(stderr).toMatch(/^(ctr|Error): .{20,}$/);
    expect(stderr).toMatch(reason);
  }
});
