import { type Attempt, type Tree, treeAt } from "./hostile-archive.ts";
import { joinBytes, type RawEntry } from "./raw-archive.ts";

//  every kind of entry  ×  every way to write a name

interface NameForm {
  readonly form: string;
  readonly why: string;
  /** The name for a last part, which may have a prefix (`.wh.`). */
  readonly name: (last: string) => string;
  /** The path that it means: "refused" is none, an empty one is the root. */
  readonly is: readonly string[] | "refused";
  /** The last part; default "x". */
  readonly last?: string;
}

function formsFor(canary: string): NameForm[] {
  const inside = (why: string, form: string, name: NameForm["name"]): NameForm => ({ form, why, name, is: ["x"] });
  const refused = (why: string, form: string, name: NameForm["name"]): NameForm => ({ form, why, name, is: "refused" });
  const itself = (why: string, form: string, last: string): NameForm => ({
    form,
    why,
    name: (it) => it,
    is: [last],
    last,
  });
  const outside = partsOf(canary);
  return [
    inside("nothing is wrong with it", "plain", (last) => last),
    inside("stays inside", "`..` inside", (last) => `no/where/../../${last}`),
    refused("leaves the root", "`..` at the start", (last) => `../${last}`),
    refused("leaves the root", "`..` to the canary", (last) => `${"../".repeat(30)}${outside.join("/")}/${last}`),
    refused("leaves the root", "`..` that goes too far", (last) => `d/../../${last}`),
    refused("leaves the root", "`..` at the end", (last) => `${last}/../..`),
    refused("leaves the root", "absolute with `..`", (last) => `/../${last}`),
    inside("the root is the layer's", "absolute", (last) => `/${last}`),
    {
      form: "absolute, the canary's",
      why: "the root is the layer's",
      name: (last) => `${canary}/${last}`,
      is: [...outside, "x"],
    },
    inside("say nothing", "doubled slashes", (last) => `//.///${last}`),
    inside("says nothing", "`./` in front", (last) => `./${last}`),
    inside("says nothing", "slash at the end", (last) => `${last}/`),
    inside("says nothing", "`.` at the end", (last) => `${last}/.`),
    { form: "the root", why: "umoci once made a symlink of it", name: (last) => last, is: [], last: "." },
    { form: "empty", why: "names nothing", name: (last) => last, is: "refused", last: "" },
    refused("the kernel would see a shorter one", "NUL inside", (last) => `${last}\0/../y`),
    refused("longer than any path", "5000 bytes", (last) => `${"d/".repeat(2500)}${last}`),
    refused("longer than any name", "a part of 256 bytes", (last) => `${last}${"n".repeat(256)}`),
    itself("names are bytes", "not UTF-8", "x\udce9"),
    itself("names are bytes", "a line feed and an escape", "x\n\x1b[2J"),
    itself("is no separator", "a backslash", "..\\x"),
  ];
}

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "");

interface Kind {
  readonly kind: string;
  readonly entries: (name: string) => RawEntry[];
  /** In front of the last part. */
  readonly marks?: string;
  readonly makes: (path: readonly string[]) => Tree;
  /** At the root, where of these only a directory may be. */
  readonly atRoot?: Tree;
}

const longer = "g".repeat(120);

function kindsFor(canary: string): Kind[] {
  const plain =
    (fields: RawEntry): Kind["entries"] =>
    (name) => [named(name, fields)];
  return [
    { kind: "file", entries: plain({ body: "evil" }), makes: one("file evil") },
    { kind: "directory", entries: plain({ flag: "5" }), makes: one("directory"), atRoot: {} },
    { kind: "symlink", entries: plain({ flag: "2", link: canary }), makes: one(`symlink ${canary}`) },
    {
      kind: "hard link",
      entries: (name) => [{ name: "target", body: "t" }, named(name, { flag: "1", link: "target" })],
      makes: (path) => ({ target: "file t ×2", ...treeAt(path, "file t ×2") }),
    },
    { kind: "character device", entries: plain({ flag: "3", major: 1, minor: 3 }), makes: one("character 1:3") },
    { kind: "block device", entries: plain({ flag: "4", major: 7, minor: 200 }), makes: one("block 7:200") },
    { kind: "FIFO", entries: plain({ flag: "6" }), makes: one("fifo") },
    { kind: "whiteout", marks: ".wh.", entries: plain({}), makes: one("whiteout") },
    {
      kind: "opaque mark",
      entries: (name) => [named(`${name}/.wh..wh..opq`, {})],
      makes: one("directory opaque"),
      atRoot: { ".": "directory opaque" },
    },
    {
      kind: "GNU long name",
      entries: (name) => [{ gnuName: `${name}/${longer}`, name: "short", body: "evil" }],
      makes: (path) => treeAt([...path, longer], "file evil"),
      atRoot: { [longer]: "file evil" },
    },
    {
      kind: "sparse file",
      entries: plain({
        pax: [
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.map", "0,2,6,2"],
          ["GNU.sparse.size", "9"],
        ],
        body: "abcd",
      }),
      makes: one("file ab····cd·"),
    },
  ];
}

const one =
  (what: string): Kind["makes"] =>
  (path) =>
    treeAt(path, what);

/** What a header cannot hold goes into a record. */
function named(name: string, fields: RawEntry): RawEntry {
  if (name.length <= 100 && !name.includes("\0")) return { ...fields, name };
  return { ...fields, name: "short", pax: [...(fields.pax ?? []), ["path", name]] };
}

/** Every kind of entry with every form of name. */
export function* nameForms(canary: string): Generator<Attempt, void> {
  const forms = formsFor(canary);
  for (const { kind, entries, marks = "", makes, atRoot } of kindsFor(canary))
    for (const { form, why, name, is, last = "x" } of forms) {
      const row = { name: `${kind}: ${form}`, why, entries: entries(name(marks + last)) };
      if (form === "empty" && atRoot !== undefined && kind !== "directory")
        continue; // with a slash behind it, it is the root
      else if (form === "NUL inside" && kind === "GNU long name")
        yield { ...row, expect: { x: "file evil" } }; // such a name ends at its NUL
      else if (is === "refused") yield { ...row, expect: is };
      else yield { ...row, expect: is.length > 0 ? makes(is) : (atRoot ?? "refused") };
    }
  yield* oddNames();
}

function* oddNames(): Generator<Attempt, void> {
  yield {
    name: "file: a name of 1 MB",
    why: "memory",
    entries: [{ pax: [["path", "n".repeat(1_000_000)]], body: "evil" }],
    expect: "refused",
  };
  yield {
    name: "file: a name of 1 MB in a GNU header",
    why: "memory",
    entries: [{ gnuName: "n/".repeat(500_000), body: "evil" }],
    expect: "refused",
  };
  yield {
    name: "file: case clash",
    why: "Linux tells them apart",
    entries: [
      { name: "x", body: "small" },
      { name: "X", body: "large" },
    ],
    expect: { x: "file small", X: "file large" },
  };
  yield {
    name: "file: é in both its ways",
    why: "Linux tells them apart",
    entries: [
      { name: "\u00e9", body: "one" },
      { name: "e\u0301", body: "two" },
    ],
    expect: { "\u00e9": "file one", "e\u0301": "file two" },
  };
  yield {
    name: "directory: a thousand deep",
    why: "whoever recurses runs out of stack",
    entries: [named(`${"d/".repeat(1000)}f`, { body: "deep" })],
    expect: treeAt([...Array.from({ length: 1000 }, () => "d"), "f"], "file deep"),
  };
  yield {
    name: "file: the prefix of a POSIX header leaves the root",
    why: "is a part of the name",
    entries: [{ prefix: "../..", name: "x", body: "evil" }],
    expect: "refused",
  };
  yield {
    name: "file: a name that fills its field",
    why: "no NUL ends it",
    entries: [{ name: "n".repeat(100), body: "evil" }],
    expect: { ["n".repeat(100)]: "file evil" },
  };
  yield {
    name: "file: only slashes",
    why: "the root is no file",
    entries: [{ name: "///", body: "evil" }],
    expect: "refused",
  };
  yield {
    name: "file: text behind the end mark",
    why: "is none of the archive",
    entries: joinBytes(new Uint8Array(1024), new TextEncoder().encode("../../evil ".repeat(50))),
    expect: {},
  };
}
