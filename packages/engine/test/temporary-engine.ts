import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Engine, openEngine } from "../src/index.ts";

/** Why a test that makes containers does not run, or false. */
export const notRoot: boolean = process.getuid?.() !== 0;

/** An engine on a state directory of its own, with an image "busybox", for the tests of a block; nothing is left of it. */
export function temporaryEngine(): { readonly engine: Engine } {
  const root = mkdtempSync(join(tmpdir(), "ctr-engine-"));
  const engine = openEngine({ root });
  beforeAll(() => engine.images.fromHost({ programs: ["busybox"], tags: ["busybox"] }));
  afterAll(async () => {
    for (const { id } of await engine.containers.list()) await engine.containers.remove(id, { force: true });
    await engine.housekeeping({ network: true });
    engine.close();
    rmSync(root, { recursive: true, force: true });
  });
  return { engine };
}
