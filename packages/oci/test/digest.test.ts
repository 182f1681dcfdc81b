import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { chainIds, digestAlgorithm, digestHex, parseDigest } from "../src/index.ts";

const hex = "a".repeat(64);
const wrong = [
  { text: "sha256:../../etc/passwd", why: "CVE-2014-9358: a digest becomes a path" },
  { text: `sha256:${hex.toUpperCase()}`, why: "two names for one blob" },
  { text: `sha256:${hex}a`, why: "too long" },
  { text: `sha256:${hex.slice(1)}`, why: "too short" },
  { text: `sha512:${hex}`, why: "the length of another algorithm" },
  { text: `md5:${"a".repeat(32)}`, why: "not registered" },
  { text: `sha256:${hex}\n`, why: "trailing newline" },
  { text: hex, why: "no algorithm" },
  { text: "", why: "empty" },
];
for (const { text, why } of wrong)
  test(`refuses ${JSON.stringify(text.slice(0, 30))}: ${why}`, () =>
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: "ERR_OCI_DIGEST" })));

test("takes a digest apart", () => {
  const digest = parseDigest(`sha512:${hex}${hex}`);
  expect(digestAlgorithm(digest)).toBe("sha512");
  expect(digestHex(digest)).toBe(hex + hex);
  expect(digestHex(parseDigest(`sha256:${hex}`))).toBe(hex);
});

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test("chain ids: the first is its diff id, each next hashes parent and diff id", () => {
  const [a, b, c] = ["a", "b", "c"].map((text) => parseDigest(`sha256:${sha256(text)}`)) as [never, never, never];
  const ab = `sha256:${sha256(`${a} ${b}`)}`;
  expect(chainIds([a, b, c], sha256)).toEqual([a, ab, `sha256:${sha256(`${ab} ${c}`)}`]);
  expect(chainIds([], sha256)).toEqual([]);
});
