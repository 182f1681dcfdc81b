import { DatabaseSync } from "node:sqlite";
import { type Digest, makeDigest } from "@ctr/oci";
import { expect, test } from "vitest";
import { Origins } from "../src/origins.ts";

const digest = (number: number): Digest => makeDigest("sha256", number.toString(16).padStart(64, "0"));

test("the repositories of a blob, the latest first, on its own host only", () => {
  const origins = new Origins(new DatabaseSync(":memory:"));
  for (const repository of ["a", "b", "c", "d", "b"])
    origins.remember({ host: "r.example", repository, digests: [digest(1), digest(2)] });
  origins.remember({ host: "other.example", repository: "x", digests: [digest(1)] });
  expect(origins.of({ host: "r.example", digest: digest(1) })).toEqual(["b", "d", "c"]);
  expect(origins.of({ host: "other.example", digest: digest(1) })).toEqual(["x"]);
  expect(origins.of({ host: "r.example", digest: digest(3) })).toEqual([]);
});

test("the table does not grow for ever", () => {
  const database = new DatabaseSync(":memory:");
  const origins = new Origins(database);
  const all = Array.from({ length: 60_000 }, (_, number) => digest(number));
  origins.remember({ host: "r.example", repository: "a", digests: all });
  expect(database.prepare("SELECT count(*) AS rows FROM engine_origin").get()).toEqual({ rows: 50_000 });
  expect(origins.of({ host: "r.example", digest: digest(59_999) })).toEqual(["a"]);
  expect(origins.of({ host: "r.example", digest: digest(1) })).toEqual([]);
});
