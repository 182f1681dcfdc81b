// Whatever a command was about to do when it was killed: the next one works, nothing that is listed is broken,
// and nothing is left when all is removed.
import { mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openEngine } from "@ctr/engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Scenario, scenarios, World } from "./crash/scenarios.ts";
import { expectClean, expectNothingLeft, expectUsable } from "./crash/sound-store.ts";
import { spread } from "./crash/spread.ts";
import { cannotTrace, Tracer } from "./crash/tracer.ts";

/** Points of each command that are tried unless all are. */
const sample = 10;

describe.skipIf(cannotTrace)(
  "kill -9 at system calls that change the disk (needs root)",
  { timeout: 3_600_000 },
  () => {
    let world: World;
    let tracer: Tracer;
    beforeAll(async () => {
      world = await World.make(realpathSync(mkdtempSync(join(tmpdir(), "ctr-crash-"))));
      tracer = new Tracer(world.directory);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    for (const scenario of scenarios)
      test(scenario.name, async () => {
        await world.begin(scenario.begins);
        const { status, calls, met } = await tracer.run(world.root, scenario.args(world), { kind: "count" });
        expect({ status, isTraced: met.some((line) => line.includes("/ctr.db")) }).toEqual({
          status: 0,
          isTraced: true,
        });
        const broken: string[] = [];
        const points = spread(calls, sample);
        for (const at of points)
          await afterKill(scenario, at).catch((error: unknown) => broken.push((error as Error).message));
        expect(broken).toEqual([]);
        console.log(`${scenario.name}: killed at ${points.length} of ${calls} points`);
      });

    for (const name of ["rmi", "image prune"])
      test(`${name}: records are off the disk before the files that they name`, async () => {
        const scenario = scenarios.find((it) => it.name === name)!;
        await world.begin(scenario.begins);
        const { met } = await tracer.run(world.root, scenario.args(world), { kind: "count" });
        const removals = met.flatMap((line, at) => (/^rename \/tmp\/|^unlink \/overlay2\/l\//.test(line) ? [at] : []));
        expect(removals.length).toBeGreaterThan(2);
        const log = met.slice(0, removals[0]).findLast((line) => line.endsWith(" /ctr.db-wal"));
        expect(log).toMatch(/^f(data)?sync /);
      });

    async function afterKill(scenario: Scenario, at: number): Promise<void> {
      await world.begin(scenario.begins);
      const { status, met } = await tracer.run(world.root, scenario.args(world), { kind: "kill", at });
      if (met.length > 0) expect(status).toBe(137); // it has not always as many calls
      try {
        await expectRecovery(scenario);
      } catch (error) {
        throw new Error(`killed instead of call ${at}, ${met[0]}: ${(error as Error).stack}`, { cause: error });
      }
    }

    async function expectRecovery(scenario: Scenario): Promise<void> {
      {
        using engine = openEngine({ root: world.root });
        await expectUsable(engine);
        if (scenario.name === "pull") await expectOnlyMissingPulled(() => scenario.again(engine, world));
        else await scenario.again(engine, world);
        await scenario.expectDone(engine, world);
        await expectClean(engine);
      }
      await expectNothingLeft(world.root);
    }

    /** Head of an answer, and the manifest: only the registry knows what the name means. */
    const headBytes = 2000;

    /** What the killed pull had stored is not sent again. */
    async function expectOnlyMissingPulled(pull: () => Promise<unknown>): Promise<void> {
      const { registry, root } = world;
      const present = blobsOf(root);
      const [requests, bytes] = [registry.requests.length, registry.sentBytes()];
      await pull();
      const asked = registry.requests.slice(requests);
      const fetched = [...blobsOf(root)].filter(([digest]) => !present.has(digest));
      expect(
        asked.filter((line) => line.startsWith("GET") && [...present.keys()].some((it) => line.includes(it))),
      ).toEqual([]);
      const missing = fetched.reduce((sum, [, size]) => sum + size, 0);
      expect(registry.sentBytes() - bytes).toBeLessThanOrEqual(missing + asked.length * headBytes);
    }

    /** Digest and size of each. */
    function blobsOf(root: string): ReadonlyMap<string, number> {
      using database = new DatabaseSync(join(root, "ctr.db"), { readOnly: true });
      const rows = database.prepare("SELECT digest, size FROM image_blob").all();
      return new Map(rows.map(({ digest, size }) => [digest as string, size as number]));
    }
  },
);
