import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "../src/challenge.ts";
import { endpointOf, isLoopbackHost } from "../src/endpoint.ts";
import { nextPage } from "../src/link-header.ts";
import { isRepository, isTag } from "../src/names.ts";
import { checkTarget } from "../src/redirect.ts";
import { isRegistryError, printable } from "../src/registry-error.ts";
import { backOffMillis, defaultRetryPolicy, retryAfterMillis } from "../src/retry.ts";
import { readRange } from "../src/server/byte-range.ts";
import { readRoute } from "../src/server/route.ts";

const at = { host: "r.example" };
const asPlain = (header: string) =>
  parseChallenges(header)?.map((it) => ({ [it.scheme]: Object.fromEntries(it.parameters) }));

describe("WWW-Authenticate", () => {
  const cases = [
    {
      header: 'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
      is: [{ bearer: { realm: "https://a/t", service: "s", scope: "repository:x:pull,push" } }],
      why: "Docker's",
    },
    { header: "Basic realm=simple", is: [{ basic: { realm: "simple" } }], why: "a token as value" },
    {
      header: 'Basic realm="a", Bearer realm="b" , service=c',
      is: [{ basic: { realm: "a" } }, { bearer: { realm: "b", service: "c" } }],
      why: "two in one header",
    },
    {
      header: "Negotiate, Basic realm=x",
      is: [{ negotiate: {} }, { basic: { realm: "x" } }],
      why: "one without parameters",
    },
    {
      header: String.raw`Basic realm="a \"quoted\" word"`,
      is: [{ basic: { realm: 'a "quoted" word' } }],
      why: "escapes",
    },
    { header: "", is: [], why: "nothing" },
    { header: "Bearer realm=", is: undefined, why: "no value" },
    { header: 'Bearer realm="x" service="y"', is: undefined, why: "no comma" },
    { header: 'Bearer realm="x', is: undefined, why: "no end" },
    { header: "Bearer realm=a,REALM=b", is: undefined, why: "the same name twice, which two readers read differently" },
    { header: "Bearer \u0001=x", is: undefined, why: "a control character" },
    { header: `Bearer realm="${"x".repeat(9000)}"`, is: undefined, why: "too long" },
  ] as const;
  for (const { header, is, why } of cases) test(why, () => expect(asPlain(header)).toEqual(is));

  test("anything is read or refused, in linear time", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseChallenges(text)));
    parseChallenges(`Basic ${"a=".repeat(4000)}`);
    parseChallenges(`Basic a="${'\\"'.repeat(4000)}`);
  });
});

describe("hosts", () => {
  const cases = [
    { host: "docker.io", is: "https://registry-1.docker.io/", why: "Docker Hub's registry has another name" },
    { host: "ghcr.io", is: "https://ghcr.io/", why: "HTTPS by default" },
    { host: "localhost:5000", is: "http://localhost:5000/", why: "loopback by name" },
    { host: "127.8.9.1:80", is: "http://127.8.9.1/", why: "loopback by address" },
    { host: "[::1]:5000", is: "http://[::1]:5000/", why: "loopback of IPv6" },
    { host: "10.0.0.1:5000", is: "https://10.0.0.1:5000/", why: "private is not loopback" },
    { host: "localhost.example", is: "https://localhost.example/", why: "only looks like loopback" },
    { host: "127.0.0.1.example", is: "https://127.0.0.1.example/", why: "only looks like loopback" },
    { host: "a.example:99999", is: undefined, why: "no such port" },
    { host: "user@a.example", is: undefined, why: "a user name" },
    { host: "a.example/x", is: undefined, why: "a path" },
    { host: "", is: undefined, why: "nothing" },
    { host: "a b", is: undefined, why: "a space" },
  ] as const;
  for (const { host, is, why } of cases)
    test(`${host}: ${why}`, () => {
      if (is !== undefined) expect(endpointOf(host).url.href).toBe(is);
      else expect(() => endpointOf(host)).toThrow(expect.objectContaining({ code: "ERR_REGISTRY_ARGUMENT" }));
    });
  test("loopback is 127.0.0.0/8, ::1 and localhost", () => {
    for (const yes of ["localhost", "127.0.0.1", "127.255.255.255", "::1", "[::1]"])
      expect(isLoopbackHost(yes)).toBe(true);
    for (const no of ["127.0.0.256", "128.0.0.1", "0.0.0.0", "[::2]", "127.1", "x.localhost"])
      expect(isLoopbackHost(no)).toBe(false);
  });
});

describe("Location", () => {
  const cases = [
    { from: "https://r.example/v2/", to: "/x?y", is: "https://r.example/x?y", why: "relative" },
    { from: "https://r.example/", to: "https://cdn.example/x", is: "https://cdn.example/x", why: "another host" },
    {
      from: "http://127.0.0.1:5000/",
      to: "http://127.0.0.1:6000/",
      is: "http://127.0.0.1:6000/",
      why: "loopback to loopback",
    },
    { from: "https://r.example/", to: "http://r.example/", is: /plain HTTP/, why: "a downgrade" },
    { from: "https://r.example/", to: "file:///etc/passwd", is: /not HTTP/, why: "a file" },
    { from: "https://r.example/", to: "https://u:p@r.example/", is: /password/, why: "a password of its own" },
    { from: "https://r.example/", to: "https://127.0.0.1/", is: /this one/, why: "into our own machine" },
    { from: "https://r.example/", to: "https://0x7f.1/", is: /this one/, why: "the same in disguise" },
    { from: "https://r.example/", to: "https://[::ffff:127.0.0.1]/", is: /this one/, why: "the same in IPv6" },
    { from: "http://r.example/", to: "http://169.254.169.254/latest", is: /this one/, why: "a cloud's secrets" },
    { from: "https://r.example/", to: "https://[/", is: /no address/, why: "no address" },
    { from: "https://r.example/", to: undefined, is: /names no Location/, why: "nothing" },
  ] as const;
  for (const { from, to, is, why } of cases)
    test(why, () => {
      if (is instanceof RegExp) expect(() => checkTarget(to, new URL(from), at)).toThrow(is);
      else expect(checkTarget(to, new URL(from), at).href).toBe(is);
    });
});

describe("Link", () => {
  const from = new URL("https://r.example/v2/a/tags/list");
  const cases = [
    {
      header: '</v2/a/tags/list?n=2&last=b>; rel="next"',
      is: "https://r.example/v2/a/tags/list?n=2&last=b",
      why: "the next page",
    },
    { header: "<?last=b>; rel=next", is: "https://r.example/v2/a/tags/list?last=b", why: "no quotes" },
    { header: '</x>; rel="prev", </y>; rel="next"', is: "https://r.example/y", why: "the second link" },
    { header: '<https://evil.example/>; rel="next"', is: undefined, why: "another host" },
    { header: '<http://r.example/>; rel="next"', is: undefined, why: "another scheme" },
    { header: '</x>; rel="nextish"', is: undefined, why: "another relation" },
    { header: "<".repeat(8000), is: undefined, why: "hostile" },
    { header: undefined, is: undefined, why: "none" },
  ] as const;
  for (const { header, is, why } of cases) test(why, () => expect(nextPage(header, from)?.href).toBe(is));
});

describe("retry", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases = [
    { header: "3", is: 3000, why: "seconds" },
    { header: "Thu, 01 Jan 2026 00:00:10 GMT", is: 10_000, why: "a date" },
    { header: "Wed, 31 Dec 2025 00:00:00 GMT", is: 0, why: "a date gone by" },
    { header: "-1", is: undefined, why: "negative" },
    { header: "soon", is: undefined, why: "a word" },
    { header: undefined, is: undefined, why: "none" },
  ] as const;
  for (const { header, is, why } of cases)
    test(`Retry-After: ${why}`, () => expect(retryAfterMillis(header, now)).toBe(is));
  test("delays double up to the limit", () => {
    expect([2, 3, 4, 20].map((it) => backOffMillis(defaultRetryPolicy, it, 1))).toEqual([250, 500, 1000, 60_000]);
    expect(backOffMillis(defaultRetryPolicy, 2, 0)).toBe(125);
  });
});

test("names: what the specification's grammar takes, in linear time", () => {
  for (const yes of ["a", "a/b", "a.b/c_d/e__f/g-h---i"]) expect(isRepository(yes)).toBe(true);
  for (const no of ["", "/a", "a/", "A", "a..b", "../x", "a___b", "a b", "a\n", "é", "x".repeat(256)])
    expect(isRepository(no)).toBe(false);
  for (const no of ["", ".a", "-a", "a/b", "a:b", "x".repeat(129)]) expect(isTag(no)).toBe(false);
  expect(isRepository("a-".repeat(50_000))).toBe(false);
});

describe("Range", () => {
  const cases = [
    { header: "bytes=0-", is: { start: 0, end: 9 }, why: "all" },
    { header: "bytes=3-5", is: { start: 3, end: 5 }, why: "a part" },
    { header: "bytes=3-500", is: { start: 3, end: 9 }, why: "over the end" },
    { header: "bytes=-4", is: { start: 6, end: 9 }, why: "the last bytes" },
    { header: "bytes=10-", is: "unsatisfiable", why: "behind the end" },
    { header: "bytes=-0", is: "unsatisfiable", why: "no last bytes" },
    { header: "bytes=5-3", is: undefined, why: "backwards" },
    { header: "bytes=0-1,3-4", is: undefined, why: "two" },
    { header: "lines=0-", is: undefined, why: "another unit" },
  ] as const;
  for (const { header, is, why } of cases) test(why, () => expect(readRange(header, 10)).toEqual(is));
});

describe("routes", () => {
  const cases = [
    { path: "/v2/", is: { kind: "root" } },
    { path: "/v2/a/b/manifests/1", is: { kind: "manifest", repository: "a/b", last: "1" } },
    { path: "/v2/a/blobs/sha256%3Aab", is: { kind: "blob", repository: "a", last: "sha256:ab" } },
    { path: "/v2/a/blobs/uploads/", is: { kind: "uploads", repository: "a" } },
    { path: "/v2/a/blobs/uploads", is: { kind: "uploads", repository: "a" } },
    { path: "/v2/a/blobs/uploads/id", is: { kind: "upload", repository: "a", last: "id" } },
    { path: "/v2/blobs/uploads/tags/list", is: { kind: "tags", repository: "blobs/uploads" } },
    { path: "/v2/a/%ff/x", is: undefined },
    { path: "/v1/a/tags/list", is: undefined },
    { path: "/", is: undefined },
  ] as const;
  for (const { path, is } of cases) test(path, () => expect(readRoute(path)).toEqual(is));
});

test("a message of an error stays on its line", () => {
  expect(printable("a\u001b[31mb\nc\u202ed")).toBe("a [31mb c d");
  expect(printable("x".repeat(500))).toHaveLength(201);
  expect(isRegistryError(new Error("x"))).toBe(false);
});
