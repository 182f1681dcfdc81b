import { createHash } from "node:crypto";
import { type Digest, makeDigest } from "@ctr/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCache, encodeCache } from "../src/cache-document.ts";
import type { CacheRecord } from "../src/cache-record.ts";
import { keyText, type StepParts } from "../src/step-parts.ts";

const digest = (text: string): Digest => makeDigest("sha256", createHash("sha256").update(text).digest("hex"));
const parts: StepParts = {
  source: "COPY a b",
  operation: ["COPY", ["a"], { deep: [1, null, "x"] }],
  parent: digest("below"),
  base: { name: "busybox:latest", id: digest("base") },
  platform: "linux/amd64",
  inputs: [["a", "1"]],
  ingredients: [
    { from: "ARG", name: "X", line: 3, digest: "2" },
    { from: "OPTION", name: "--network", line: undefined, digest: "3" },
  ],
  readsAll: true,
};
const record: CacheRecord = {
  stage: "build",
  ordinal: 2,
  key: createHash("sha256").update(keyText(parts)).digest("hex"),
  parts,
  isKept: true,
  result: {
    created: "2026-01-01T00:00:00.000Z",
    layer: { diffId: digest("d"), chainId: digest("c"), size: 10, files: 2, sourceDateEpoch: 0 },
  },
};
const blob = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: digest("b"), size: 5 };
const encode = (withParts: boolean): string => encodeCache([record], { blobOf: () => blob, withParts });
const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

describe("a cache as a document", () => {
  test("what is read is what was written, but no chain id: that is for the reader to know", () => {
    const [step] = decodeCache(bytes(encode(true))).steps;
    const { diffId, size, files, sourceDateEpoch } = record.result.layer!;
    expect(step).toEqual({
      ...{ stage: "build", ordinal: 2, key: record.key, parts, created: record.result.created },
      layer: { diffId, size, files, sourceDateEpoch, blob },
    });
    expect(encode(true)).not.toContain(record.result.layer!.chainId);
  });

  test("without parts it is small, and still of use", () => {
    expect(decodeCache(bytes(encode(false))).steps[0]).toMatchObject({ key: record.key, parts: undefined });
  });

  const step = (change: object) => ({ version: 1, steps: [{ ...JSON.parse(encode(true)).steps[0], ...change }] });
  const wrong = [
    { document: "{", says: /no JSON/, why: "cut off" },
    { document: { version: 2, steps: [] }, says: /format 2/, why: "of a newer program" },
    { document: { version: 1 }, says: /steps is no list/, why: "no steps" },
    { document: step({ key: "f".repeat(64) }), says: /not those of its key/, why: "parts that explain another key" },
    { document: step({ key: "../../etc" }), says: /no digest/, why: "a key that is a path" },
    { document: step({ created: "yesterday" }), says: /a time is none/, why: "a time that would go into an image" },
    {
      document: step({ layer: { diffId: "sha256:../x", size: 1, files: 1, blob } }),
      says: /digest is none/,
      why: "a digest that is a path",
    },
    {
      document: step({ layer: { diffId: digest("d"), size: -1, files: 1, blob } }),
      says: /size is no number/,
      why: "a size below nothing",
    },
    {
      document: step({ layer: { diffId: digest("d"), size: 1, files: 1, blob: { ...blob, mediaType: "text/plain" } } }),
      says: /not compressed with gzip/,
      why: "a blob that no manifest could name",
    },
  ];
  for (const { document, says, why } of wrong)
    test(`${why} is refused`, () => {
      expect(() => decodeCache(bytes(document))).toThrow(says);
      expect(() => decodeCache(bytes(document))).toThrow(expect.objectContaining({ code: "ERR_BUILDER_CACHE" }));
    });

  test("whatever the bytes are, nothing else is thrown", () => {
    const json = fc.json().map((text) => bytes(text));
    const stepLike = fc.dictionary(
      fc.constantFrom("key", "stage", "parts", "layer", "created", "__proto__"),
      fc.jsonValue(),
    );
    const document = stepLike.map((one) => bytes({ version: 1, steps: [one] }));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), json, document), (input) => {
        try {
          decodeCache(input);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_BUILDER_CACHE" });
        }
      }),
    );
    expect(({} as Record<string, unknown>).key).toBeUndefined();
  });
});
