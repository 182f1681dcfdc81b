import { describe, expect, test } from "vitest";
import { parseCacheFrom, parseCacheTo } from "../src/cache-flag.ts";
import { csvFields } from "../src/csv-flag.ts";
import { parseOutput } from "../src/output-flag.ts";

describe("flags that are lines of CSV", () => {
  const fields = [
    { text: "a=1,b=2", is: ["a=1", "b=2"], why: "plain" },
    { text: 'type=image,"name=a,b"', is: ["type=image", "name=a,b"], why: "a comma in quotes" },
    { text: '"say ""hi""",x', is: ['say "hi"', "x"], why: "a quote in quotes" },
    { text: "", is: [""], why: "nothing" },
    { text: '"open', is: /quote is not closed/, why: "cut off" },
    { text: '"a"b', is: /something stands behind a quote/, why: "no comma" },
  ] as const;
  for (const { text, is, why } of fields)
    test(`${text}: ${why}`, () => {
      if (is instanceof RegExp) expect(() => csvFields(text, "-o")).toThrow(is);
      else expect(csvFields(text, "-o")).toEqual(is);
    });
});

describe("--output", () => {
  const cases = [
    { text: "out", is: { type: "local", dest: "out" }, why: "a bare path is a directory" },
    { text: "-", is: { type: "tar", dest: "-" }, why: "a dash is standard output" },
    { text: "type=tar", is: { type: "tar", dest: "-" }, why: "as Docker" },
    { text: "type=docker", is: { type: "docker", dest: undefined }, why: "into the store" },
    { text: "type=oci,dest=x,tar=false", is: { type: "oci", dest: "x", archive: false }, why: "a directory" },
    { text: "type=registry,name=a", is: { type: "image", push: true, names: ["a"] }, why: "an image that is pushed" },
    { text: 'type=image,"name=a,b"', is: { type: "image", names: ["a", "b"] }, why: "many names" },
    { text: "type=none", is: { type: "cacheonly" }, why: "nothing" },
    { text: "dest=x", is: /type is required/, why: "no type" },
    { text: "type=floppy", is: /"floppy" is no type/, why: "no such type" },
    { text: "type=local", is: /dest is required/, why: "nowhere to go" },
    { text: "type=local,dest=-", is: /not supported/, why: "a directory is no stream" },
    { text: "type=oci,dest=x,compression=zstd", is: /only compression=gzip/, why: "not done, so not ignored" },
    { text: "type=oci,dest=x,speed=high", is: /"speed" is not known/, why: "a misspelt key" },
  ] as const;
  for (const { text, is, why } of cases)
    test(`${text}: ${why}`, () => {
      if (is instanceof RegExp) expect(() => parseOutput(text)).toThrow(is);
      else expect(parseOutput(text)).toMatchObject(is);
    });
});

describe("--cache-from and --cache-to", () => {
  test("places", () => {
    expect(parseCacheFrom("type=local,src=/c")).toEqual({ type: "local", directory: "/c" });
    expect(parseCacheFrom("ghcr.io/a:c")).toEqual({ type: "registry", ref: "ghcr.io/a:c" });
    expect(parseCacheTo("type=local,dest=/c")).toEqual({ type: "local", directory: "/c", mode: "max", mounts: [] });
    expect(parseCacheTo("type=registry,ref=a,mode=min,mounts=npm,mounts=go")).toEqual({
      ...{ type: "registry", ref: "a", mode: "min", mounts: ["npm", "go"] },
    });
    expect(parseCacheTo("type=inline")).toEqual({ type: "inline" });
  });
  for (const text of ["type=gha", "type=local", "type=registry", "mode=max"])
    test(`${text} is refused`, () => expect(() => parseCacheTo(text)).toThrow(/invalid argument/));
});
