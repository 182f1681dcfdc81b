import fc from "fast-check";
import { expect, test } from "vitest";
import { familiarName, familiarReference, formatReference, isOciError, parseReference } from "../src/index.ts";

const digest = `sha256:${"1a".repeat(32)}`;
const good = [
  { text: "busybox", full: "docker.io/library/busybox:latest", name: "busybox", why: "official image" },
  { text: "busybox:1.36", full: "docker.io/library/busybox:1.36", name: "busybox", why: "tag" },
  {
    text: `busybox@${digest}`,
    full: `docker.io/library/busybox@${digest}`,
    name: "busybox",
    why: "no default tag beside a digest",
  },
  { text: `busybox:1@${digest}`, full: `docker.io/library/busybox:1@${digest}`, name: "busybox", why: "both are kept" },
  {
    text: "index.docker.io/debian",
    full: "docker.io/library/debian:latest",
    name: "debian",
    why: "the hub's old name",
  },
  { text: "docker.io/a/b", full: "docker.io/a/b:latest", name: "a/b", why: "user image" },
  {
    text: "library/foo/bar",
    full: "docker.io/library/foo/bar:latest",
    name: "library/foo/bar",
    why: "nested in library",
  },
  { text: "localhost/app", full: "localhost/app:latest", name: "localhost/app", why: "localhost is a host" },
  {
    text: "localhost:5000",
    full: "docker.io/library/localhost:5000",
    name: "localhost",
    why: "no slash: 5000 is a tag",
  },
  { text: "example:5000/a/b:t", full: "example:5000/a/b:t", name: "example:5000/a/b", why: "a port makes a host" },
  { text: "192.168.0.1:80", full: "docker.io/library/192.168.0.1:80", name: "192.168.0.1", why: "no slash" },
  { text: "[fc00::1]:5000/docker", full: "[fc00::1]:5000/docker:latest", name: "[fc00::1]:5000/docker", why: "IPv6" },
  { text: "Docker/docker", full: "Docker/docker:latest", name: "Docker/docker", why: "upper case only fits a host" },
  {
    text: "test_com/foo",
    full: "docker.io/test_com/foo:latest",
    name: "test_com/foo",
    why: "an underscore makes no host",
  },
  { text: "xn--n3h.com/foo", full: "xn--n3h.com/foo:latest", name: "xn--n3h.com/foo", why: "punycode" },
  { text: "a---b/c__d", full: "docker.io/a---b/c__d:latest", name: "a---b/c__d", why: "the separators there are" },
  {
    text: `docker.io/${"a1".repeat(32)}`,
    full: `docker.io/library/${"a1".repeat(32)}:latest`,
    name: "a1".repeat(32),
    why: "with a host it is no id",
  },
  { text: `a:${"t".repeat(128)}`, full: `docker.io/library/a:${"t".repeat(128)}`, name: "a", why: "longest tag" },
];
for (const { text, full, name, why } of good)
  test(`${text.slice(0, 40)}: ${why}`, () => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(full);
    expect(familiarName(reference)).toBe(name);
    expect(parseReference(familiarReference(reference))).toEqual(reference);
    expect(parseReference(full)).toEqual(reference);
  });

const bad = [
  { text: "", why: "empty" },
  { text: "https://github.com/docker/docker", why: "a URL" },
  { text: "docker/Docker", why: "upper case" },
  { text: "Busybox", why: "upper case" },
  { text: "-docker", why: "leading dash: an option elsewhere" },
  { text: "-docker/docker", why: "leading dash" },
  { text: "docker///docker", why: "empty components" },
  { text: "a/../b", why: "climbs" },
  { text: "docker/", why: "no repository" },
  { text: "dock..er/docker", why: "two dots" },
  { text: "_docker/_docker", why: "leading separator" },
  { text: "[fc00::1]", why: "only a host" },
  { text: "fc00::1:5000/debian", why: "IPv6 without brackets" },
  { text: "[fe80::1%eth0]:5000/debian", why: "zone" },
  { text: "1a".repeat(32), why: "an image id" },
  { text: "a:", why: "empty tag" },
  { text: "a:.b", why: "tag starts with a dot" },
  { text: `a:${"t".repeat(129)}`, why: "tag too long" },
  { text: `a@${digest.toUpperCase()}`, why: "upper-case digest" },
  { text: "a@sha256:abc", why: "short digest" },
  { text: `a@${digest}@${digest}`, why: "two digests" },
  { text: "a\n", why: "newline" },
  { text: "a b", why: "space" },
  { text: "é", why: "not ASCII" },
  { text: "a\0", why: "NUL" },
  { text: `${"a/".repeat(128)}a`, why: "257 characters of name" },
  { text: "a".repeat(100_000), why: "100 KB" },
  { text: `${"a-".repeat(300)}!`, why: "backtracking bait" },
];
for (const { text, why } of bad)
  test(`refuses ${JSON.stringify(text.slice(0, 40))}: ${why}`, () =>
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_OCI_(REFERENCE|DIGEST)$/) }),
    ));

test("throws nothing but OciError, and what it takes it gives back", () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."aZ0._-/:@[]"), maxLength: 40 }), (text) => {
      try {
        const reference = parseReference(text);
        expect(parseReference(formatReference(reference))).toEqual(reference);
        expect(parseReference(familiarReference(reference))).toEqual(reference);
      } catch (error) {
        expect(isOciError(error)).toBe(true);
      }
    }),
    { numRuns: 2000 },
  ));
