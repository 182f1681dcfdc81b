import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Engine, type Finding, openEngine } from "@ctr/engine";
import { expect } from "vitest";

/**
 * What must be true of a state directory whatever happened to the process that used it: nothing that is listed is
 * broken. What nobody knows of may lie around.
 */
export async function expectUsable(engine: Engine): Promise<void> {
  for (const { image } of await engine.images.list())
    for (const name of [...image.names, image.target.digest])
      expect((await engine.images.inspect(name)).Id).toBeTruthy();
  const broken = (await findings(engine)).filter(({ about }) => about !== "file");
  expect(broken).toEqual([]);
}

/** Housekeeping leaves nothing that is not as it should be. */
export async function expectClean(engine: Engine): Promise<void> {
  await engine.housekeeping();
  expect(await findings(engine)).toEqual([]);
}

/** When all is removed, nothing is left: no file, no record. */
export async function expectNothingLeft(root: string): Promise<void> {
  {
    using engine = openEngine({ root });
    for (const { id } of await engine.containers.list()) await engine.containers.remove(id, { force: true });
    await engine.images.prune({ all: true });
    await engine.housekeeping();
    expect(await engine.images.list()).toEqual([]);
    expect(await findings(engine)).toEqual([]);
  }
  expect(filesOf(root)).toEqual([]);
  using database = new DatabaseSync(join(root, "ctr.db"), { readOnly: true });
  // The image store's tables say what there is and who wants it, but for the one with its version.
  const tables = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'image!_%' ESCAPE '!'",
  );
  const names = tables.all().map(({ name }) => name as string);
  const left = names.filter((table) => database.prepare(`SELECT 1 FROM ${table}`).get() !== undefined);
  expect(left).toEqual(["image_schema"]);
}

async function findings(engine: Engine): Promise<Finding[]> {
  return Array.fromAsync((await engine.system()).check());
}

/** What is in a store that holds nothing, apart from its own directories. */
function filesOf(root: string): string[] {
  const directories = ["images/blobs/sha256", "images/blobs/sha512", "overlay2", "overlay2/l", "tmp", "containers"];
  return directories
    .filter((name) => existsSync(join(root, name)))
    .flatMap((name) => readdirSync(join(root, name)).map((entry) => `${name}/${entry}`))
    .filter((path) => path !== "overlay2/l"); // made with the first layer
}
