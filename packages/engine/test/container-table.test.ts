import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerRecord } from "../src/container-record.ts";
import { ContainerTable, openDatabase } from "../src/database.ts";

function temporaryDirectory(): string {
  const root = mkdtempSync(join(tmpdir(), "ctr-engine-table-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function temporaryTable(root: string = temporaryDirectory()): ContainerTable {
  const database = openDatabase(root);
  onTestFinished(() => database.close());
  return new ContainerTable(database);
}

const record = (id: string, name: string, createdAt = "2025-01-01T00:00:00.000Z"): ContainerRecord => ({
  ...{ id, name, createdAt, state: "created", options: {}, args: ["true"], stopSignal: "SIGTERM" },
  ...{ image: undefined, imageId: undefined, chainId: undefined },
});

test("a name belongs to one container", () => {
  const table = temporaryTable();
  expect(table.insert(record("aa", "web"))).toBe(true);
  expect(table.insert(record("bb", "web"))).toBe(false);
  expect(table.byName("web")?.id).toBe("aa");
  table.delete("aa");
  expect(table.insert(record("bb", "web"))).toBe(true);
});

test("a change happens from the states that it is meant for, once, whoever asks", () => {
  const root = temporaryDirectory();
  const [first, second] = [temporaryTable(root), temporaryTable(root)];
  first.insert(record("aa", "web"));
  expect(first.update("aa", ["created"], { state: "starting" })?.state).toBe("starting");
  expect(second.update("aa", ["created"], { state: "starting" })).toBeUndefined();
  expect(second.update("nobody", ["created"], { state: "starting" })).toBeUndefined();
  expect(second.get("aa")?.state).toBe("starting");
});

test("a beginning of an id is no pattern", () => {
  const table = temporaryTable();
  for (const id of ["ab1", "ab2", "cd1"]) table.insert(record(id, id));
  expect(table.byPrefix("ab").map(({ id }) => id)).toEqual(["ab1", "ab2"]);
  expect(table.byPrefix("cd").map(({ id }) => id)).toEqual(["cd1"]);
  for (const prefix of ["%", "_b1", "*", "AB"]) expect(table.byPrefix(prefix)).toEqual([]);
});

test("all: newest first, of the states asked for", () => {
  const table = temporaryTable();
  table.insert(record("old", "old", "2025-01-01T00:00:00.000Z"));
  table.insert(record("new", "new", "2025-01-02T00:00:00.000Z"));
  expect(table.all().map(({ id }) => id)).toEqual(["new", "old"]);
  expect(table.all(["running"])).toEqual([]);
});

test("a state directory that cannot be one says which and why", () => {
  const file = join(temporaryDirectory(), "file");
  writeFileSync(file, "");
  expect(() => openDatabase(file)).toThrow(
    expect.objectContaining({ code: "ERR_ENGINE_STATE", message: expect.stringContaining(file) }),
  );
  const root = temporaryDirectory();
  writeFileSync(join(root, "ctr.db"), "this is no database, whatever its name says\n".repeat(100));
  expect(() => openDatabase(root)).toThrow(/cannot be opened: file is not a database/);
});
