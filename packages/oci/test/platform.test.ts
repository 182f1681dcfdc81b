import { expect, test } from "vitest";
import {
  type Descriptor,
  formatPlatform,
  matchesPlatform,
  parseDigest,
  parsePlatform,
  selectPlatform,
} from "../src/index.ts";

const host = { os: "linux", architecture: "amd64" };

const spelled = [
  { text: "linux/arm64", is: "linux/arm64", why: "as it is" },
  { text: "linux/aarch64", is: "linux/arm64", why: "uname's name" },
  { text: "linux/arm64/v8", is: "linux/arm64", why: "v8 is what arm64 means" },
  { text: "linux/arm", is: "linux/arm/v7", why: "the default variant" },
  { text: "linux/arm/7", is: "linux/arm/v7", why: "no v" },
  { text: "linux/armhf", is: "linux/arm/v7", why: "Debian's name" },
  { text: "linux/armel", is: "linux/arm/v6", why: "Debian's name" },
  { text: "linux/x86_64", is: "linux/amd64", why: "uname's name" },
  { text: "linux/amd64/v1", is: "linux/amd64", why: "v1 is the base" },
  { text: "linux/amd64/v3", is: "linux/amd64/v3", why: "kept" },
  { text: "i386", is: "linux/386", why: "architecture alone: the host's system" },
  { text: "windows", is: "windows/amd64", why: "system alone: the host's architecture" },
  { text: "Linux/AMD64", is: "linux/amd64", why: "case" },
  { text: "constructor", is: "linux/constructor", why: "no architecture of ours, and nothing inherited" },
];
for (const { text, is, why } of spelled)
  test(`${text}: ${why}`, () => expect(formatPlatform(parsePlatform(text, host))).toBe(is));

for (const text of ["", "/", "linux/", "linux//v7", "a/b/c/d", "linux/arm64\n", "../..", "linux/arm 64"])
  test(`refuses ${JSON.stringify(text)}`, () =>
    expect(() => parsePlatform(text, host)).toThrow(expect.objectContaining({ code: "ERR_OCI_PLATFORM" })));

const matches = [
  { host: "linux/arm/v7", image: "linux/arm/v6", is: true, why: "older ARM runs" },
  { host: "linux/arm/v7", image: "linux/arm/v5", is: true, why: "oldest ARM runs" },
  { host: "linux/arm/v6", image: "linux/arm/v7", is: false, why: "newer ARM does not" },
  { host: "linux/arm64", image: "linux/arm/v7", is: true, why: "64-bit ARM runs 32-bit" },
  { host: "linux/arm64", image: "linux/arm64/v8", is: true, why: "the same" },
  { host: "linux/arm64/v9", image: "linux/arm64/v8.5", is: true, why: "v9.0 includes v8.5" },
  { host: "linux/arm64/v9", image: "linux/arm64/v8.6", is: false, why: "but not v8.6" },
  { host: "linux/arm64/v8.2", image: "linux/arm64/v8.1", is: true, why: "minor below" },
  { host: "linux/amd64/v3", image: "linux/amd64/v2", is: true, why: "level below" },
  { host: "linux/amd64", image: "linux/amd64/v2", is: false, why: "level above" },
  { host: "linux/amd64", image: "linux/386", is: true, why: "32-bit x86" },
  { host: "linux/386", image: "linux/amd64", is: false, why: "not the other way" },
  { host: "linux/amd64", image: "windows/amd64", is: false, why: "another system" },
];
for (const row of matches)
  test(`${row.image} on ${row.host}: ${row.why}`, () =>
    expect(matchesPlatform(parsePlatform(row.image, host), parsePlatform(row.host, host))).toBe(row.is));

test("the best of an index wins, whatever its place", () => {
  const entry = (platform: string, digit: string): Descriptor => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: parseDigest(`sha256:${digit.repeat(64)}`),
    size: 1,
    platform: parsePlatform(platform, host),
  });
  const manifests = [
    entry("linux/arm/v5", "5"),
    entry("linux/arm/v6", "6"),
    entry("linux/amd64", "a"),
    entry("unknown/unknown", "0"),
  ];
  const pick = (text: string, strict = false) =>
    selectPlatform({ manifests, host: parsePlatform(text, host), strict })?.digest[7];
  expect(pick("linux/arm/v7")).toBe("6");
  expect(pick("linux/arm/v7", true)).toBeUndefined();
  expect(pick("linux/arm64")).toBe("6");
  expect(pick("linux/amd64/v3")).toBe("a");
  expect(pick("linux/s390x")).toBeUndefined();
});
