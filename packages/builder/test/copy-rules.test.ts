import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { absolutePath, namesDirectory } from "../src/container-path.ts";
import { type CopyDestination, type CopyItem, copyTargets } from "../src/copy-targets.ts";
import { entryFilter, parentsSource } from "../src/entry-filter.ts";
import { hasWildcard, matchesName, parseNamePattern } from "../src/glob.ts";
import { changeMode, parseModeChange } from "../src/mode-change.ts";

const file = (name: string): CopyItem => ({ name, isDirectory: false });
const directory = (name: string): CopyItem => ({ name, isDirectory: true });
const to = (path: string, exists?: CopyDestination["exists"]): CopyDestination => ({
  path: absolutePath("/", path),
  namesDirectory: namesDirectory(path),
  exists,
});

describe("where things go", () => {
  const cases: readonly {
    readonly items: readonly CopyItem[];
    readonly destination: CopyDestination;
    readonly sources?: number;
    readonly is: readonly string[] | RegExp;
    readonly why: string;
  }[] = [
    { items: [file("a")], destination: to("/x"), is: ["/x"], why: "a file becomes the destination" },
    { items: [file("a")], destination: to("/x/"), is: ["/x/a"], why: "a slash says directory" },
    { items: [file("a")], destination: to("/x", "directory"), is: ["/x/a"], why: "so does being one" },
    { items: [file("a")], destination: to("/x", "other"), is: ["/x"], why: "a file is replaced" },
    { items: [file("a")], destination: to("/", "directory"), is: ["/a"], why: "the root is one slash" },
    { items: [directory("d")], destination: to("/x"), is: ["/x"], why: "contents, not the directory" },
    {
      items: [directory("d"), directory("e")],
      destination: to("/x"),
      sources: 1,
      is: ["/x", "/x"],
      why: "what is in all directories that one pattern found",
    },
    {
      items: [directory("d"), directory("e")],
      destination: to("/x"),
      is: /must be a directory and end with a \//,
      why: "not what two operands name",
    },
    {
      items: [file("a"), file("b")],
      destination: to("/x"),
      sources: 1,
      is: /must be a directory and end with a \//,
      why: "nor two files of one pattern",
    },
    { items: [directory("d"), file("a")], destination: to("/x/"), is: ["/x", "/x/a"], why: "both kinds at once" },
    {
      items: [file("a"), file("b")],
      destination: to("/x"),
      is: /must be a directory and end with a \//,
      why: "two cannot become one",
    },
    {
      items: [file("a"), file("b")],
      destination: to("/x", "directory"),
      is: ["/x/a", "/x/b"],
      why: "unless it is a directory",
    },
    {
      items: [directory("d")],
      destination: to("/x", "other"),
      is: /non-directory/,
      why: "a directory replaces no file",
    },
    {
      items: [file("a")],
      destination: to("/x/", "other"),
      is: /non-directory/,
      why: "nor is there anything below one",
    },
  ];
  for (const { items, destination, sources, is, why } of cases)
    test(`${items.map(({ name }) => name)} to ${destination.path}: ${why}`, () => {
      const targets = copyTargets(items, destination, "COPY", sources);
      if (is instanceof RegExp) expect("wrong" in targets && targets.wrong).toMatch(is);
      else expect(targets).toEqual(is);
    });
});

describe("paths", () => {
  const cases = [
    { base: "/app", path: "x", is: "/app/x", why: "relative to the working directory" },
    { base: "/app", path: "/x/", is: "/x", why: "absolute" },
    { base: "/app", path: "../../../x", is: "/x", why: "nothing is above the root" },
    { base: "", path: ".", is: "/", why: "the root" },
    { base: "/a", path: "./b//c/../d", is: "/a/b/d", why: "clean" },
  ];
  for (const { base, path, is, why } of cases)
    test(`${path} in ${base || "/"}: ${why}`, () => expect(absolutePath(base, path)).toBe(is));

  for (const path of ["", ".", "..", "a/", "a/.", "a/..", "/"])
    test(`${JSON.stringify(path)} names a directory`, () => expect(namesDirectory(path)).toBe(true));
  for (const path of ["a", "a/b", "a..", ".a", "a/.b", "..."])
    test(`${JSON.stringify(path)} does not`, () => expect(namesDirectory(path)).toBe(false));

  test("no path leads out, and cleaning twice is cleaning once", () => {
    const text = fc.array(fc.constantFrom("..", ".", "a", "/", "b/"), { maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, text, (base, path) => {
        const clean = absolutePath(base, path);
        return clean.startsWith("/") && !clean.split("/").includes("..") && absolutePath("/", clean) === clean;
      }),
    );
  });
});

describe("wildcards", () => {
  const cases = [
    { pattern: "*.txt", name: "a.txt", is: true, why: "any beginning" },
    { pattern: "*.txt", name: ".txt", is: true, why: "also none; a dot is nothing special" },
    { pattern: "a?c", name: "abc", is: true, why: "one character" },
    { pattern: "a?c", name: "ac", is: false, why: "not none" },
    { pattern: "a?c", name: "a😀c", is: true, why: "a character, not half of one" },
    { pattern: "[a-cx]", name: "b", is: true, why: "in a range" },
    { pattern: "[^a-c]", name: "b", is: false, why: "not in it" },
    { pattern: "[^a-c]", name: "d", is: true, why: "outside of it" },
    { pattern: "[[]x", name: "[x", is: true, why: "how a bracket is written" },
    { pattern: "\\*", name: "*", is: true, why: "an escaped star" },
    { pattern: "\\*", name: "a", is: false, why: "is no star" },
    { pattern: "a*b*c", name: "axbxbxc", is: true, why: "stars give back" },
    { pattern: "a*b", name: "ab.", is: false, why: "the whole name" },
    { pattern: "", name: "", is: true, why: "nothing is nothing" },
  ];
  for (const { pattern, name, is, why } of cases)
    test(`${pattern} and ${name}: ${why}`, () => expect(matchesName(parseNamePattern(pattern)!, name)).toBe(is));

  for (const pattern of ["[", "[a", "[]", "[a-", "[-a]", "a\\", "[a-]"])
    test(`${pattern} is malformed`, () => expect(parseNamePattern(pattern)).toBeUndefined());

  test("a name without wildcards is its own pattern", () => {
    fc.assert(fc.property(fc.string(), (name) => hasWildcard(name) || matchesName(parseNamePattern(name)!, name)));
  });

  test("a hostile pattern takes no time", () => {
    expect(matchesName(parseNamePattern("*a".repeat(200))!, `${"a".repeat(2000)}b`)).toBe(false);
  });

  test("stars match as an honest regular expression does", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
    fc.assert(
      fc.property(text, name, (pattern, of) => {
        const expression = new RegExp(`^${pattern.replace(/\*+/g, ".*").replace(/\?/g, ".")}$`);
        return matchesName(parseNamePattern(pattern)!, of) === expression.test(of);
      }),
    );
  });
});

describe("chmod", () => {
  const cases = [
    { change: "755", mode: 0o600, is: 0o755, why: "octal" },
    { change: "0644", mode: 0o755, is: 0o644, why: "octal with its zero" },
    { change: "4755", mode: 0, is: 0o4755, why: "with setuid" },
    { change: "u=rwX,go=rX", mode: 0o600, is: 0o644, why: "X is nothing for a plain file" },
    { change: "u=rwX,go=rX", mode: 0o700, is: 0o755, why: "and something for a program" },
    { change: "u=rwX,go=rX", mode: 0o600, directory: true, is: 0o755, why: "and for a directory" },
    { change: "+x", mode: 0o644, is: 0o755, why: "everybody, whatever the umask is" },
    { change: "go-rwx", mode: 0o777, is: 0o700, why: "taken away" },
    { change: "u+s,g+s,+t", mode: 0o755, is: 0o7755, why: "the special bits" },
    { change: "a=r,u+w", mode: 0o777, is: 0o644, why: "one after the other" },
  ];
  for (const { change, mode, directory: isDirectory = false, is, why } of cases)
    test(`${change} of ${mode.toString(8)}: ${why}`, () =>
      expect(changeMode(parseModeChange(change)!, mode, isDirectory).toString(8)).toBe(is.toString(8)));

  for (const change of ["", "8", "77777", "u", "u=rwz", "755,", "rwx", "x+r", "u=rw go=r"])
    test(`${JSON.stringify(change)} is no mode`, () => expect(parseModeChange(change)).toBeUndefined());
});

describe("--exclude and --parents", () => {
  const cases = [
    { exclude: ["*.log"], path: "a.log", is: false, why: "at the top" },
    { exclude: ["*.log"], path: "d/a.log", is: true, why: "a star stops at a slash, as in .dockerignore" },
    { exclude: ["**/*.log"], path: "d/a.log", is: false, why: "two stars do not" },
    { exclude: ["d"], path: "d/e/f", is: false, why: "what lies in an excluded directory" },
    { exclude: ["d", "!d/e"], path: "d/e/f", is: true, why: "an exception brings it back" },
    { exclude: [], include: "a/*/c", path: "a/b/c", is: true, why: "a match" },
    { exclude: [], include: "a/*/c", path: "a/b/c/d/e", is: true, why: "and all below it" },
    { exclude: [], include: "a/*/c", path: "a/b", is: false, why: "a directory on the way is not taken for itself" },
    { exclude: [], include: "**/package.json", path: "x/y/package.json", is: true, why: "at any depth" },
    { exclude: ["**/y"], include: "**/package.json", path: "x/y/package.json", is: false, why: "both count" },
    { exclude: [], include: "", path: "anything", is: true, why: "nothing asked for is everything" },
  ];
  for (const { exclude, include, path, is, why } of cases)
    test(`${exclude} ${include ?? ""} and ${path}: ${why}`, () => {
      expect(entryFilter({ exclude, ...(include === undefined ? {} : { include }) }).takes(path)).toBe(is);
    });

  const walks = [
    { include: "a/b/*.c", directory: "a", is: true, why: "on the way" },
    { include: "a/b/*.c", directory: "x", is: false, why: "nothing in it can match" },
    { include: "**/x", directory: "node_modules", is: true, why: "it may" },
    { include: "a/b", directory: "a/b/c", is: true, why: "below a match" },
  ];
  for (const { include, directory, is, why } of walks)
    test(`${include} looks ${is ? "" : "not "}into ${directory}: ${why}`, () =>
      expect(entryFilter({ exclude: [], include }).enters(directory)).toBe(is));

  test("a directory is entered whenever something in it is taken", () => {
    const part = fc.constantFrom("a", "b", "*", "**", "?");
    const pattern = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const path = fc.array(fc.constantFrom("a", "b", "ab"), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(pattern, fc.array(pattern, { maxLength: 2 }), path, (include, exclude, parts) => {
        const filter = entryFilter({ exclude, include });
        const above = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("/"));
        return !filter.takes(parts.join("/")) || above.every((directory) => filter.enters(directory));
      }),
    );
  });

  const sources = [
    { source: "a/b/c", is: { base: "", include: "a/b/c", required: "a/b/c" }, why: "all of it is kept" },
    { source: "/a/./b/c", is: { base: "/a", include: "b/c", required: "a/b/c" }, why: "from the pivot on" },
    { source: "a/./b/./c", is: { base: "a", include: "b/c", required: "a/b/c" }, why: "the first pivot counts" },
    { source: "./a/b", is: { base: "", include: "a/b", required: "a/b" }, why: "a dot in front is no pivot" },
    { source: "a/b/.", is: { base: "", include: "a/b", required: "a/b" }, why: "nor one behind" },
    { source: "a/./", is: { base: "a", include: "", required: "a" }, why: "all that is in it" },
    { source: "a*/./b", is: { base: "a*", include: "b", required: undefined }, why: "a pattern may find nothing" },
    { source: "../a", is: { base: "", include: "a", required: "a" }, why: "nothing is above the root" },
  ];
  for (const { source, is, why } of sources)
    test(`--parents ${source}: ${why}`, () => expect(parentsSource(source)).toEqual(is));
});
