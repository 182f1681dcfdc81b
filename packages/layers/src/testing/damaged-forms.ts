import { gzipSync } from "node:zlib";
import type { Attempt, Tree } from "./hostile-archive.ts";
import { base256, joinBytes, type RawEntry, rawArchive, rawEntry } from "./raw-archive.ts";

//  archives that lie about themselves: numbers, checksums, lengths, maps of sparse files

const file: RawEntry = { name: "x", body: "text" };
const text: Tree = { x: "file text" };
const gnu = "ustar  \0";
const gigabytes = 2 * 2 ** 30;

interface Row {
  readonly is: string;
  readonly why: string;
  readonly entries: readonly RawEntry[] | Uint8Array;
  readonly expect: "refused" | Tree;
}

const numbers: readonly Row[] = [
  { is: "a negative size", why: "would walk back", entries: [{ ...file, size: base256(-1n, 12) }], expect: "refused" },
  {
    is: "a size of 2⁶²",
    why: "is no number here",
    entries: [{ ...file, size: base256(2n ** 62n, 12) }],
    expect: "refused",
  },
  {
    is: "a size of 2⁹⁰",
    why: "is no number anywhere",
    entries: [{ ...file, size: base256(2n ** 90n, 12) }],
    expect: "refused",
  },
  { is: "a size of 8 GiB", why: "more than there is", entries: [{ ...file, size: 0o77777777777 }], expect: "refused" },
  {
    is: "a size of 4 PiB",
    why: "more than any layer",
    entries: [{ ...file, size: base256(2n ** 52n, 12) }],
    expect: "refused",
  },
  {
    is: "a size in decimal digits",
    why: "octal has no 9",
    entries: [{ ...file, size: "00000000009\0" }],
    expect: "refused",
  },
  {
    is: "a size with a minus",
    why: "octal has none",
    entries: [{ ...file, size: "-0000000004\0" }],
    expect: "refused",
  },
  {
    is: "a size in base-256",
    why: "is a number like another",
    entries: [{ ...file, size: base256(4n, 12) }],
    expect: text,
  },
  { is: "a size that is empty", why: "is 0", entries: [{ name: "x", size: "" }], expect: { x: "file " } },
  { is: "a user that is negative", why: "is nobody", entries: [{ ...file, uid: base256(-1n, 8) }], expect: "refused" },
  {
    is: "a user of 2³²-1",
    why: "means no change to chown",
    entries: [{ ...file, uid: base256(2n ** 32n - 1n, 8) }],
    expect: "refused",
  },
  { is: "a user of 2³²", why: "would be root", entries: [{ ...file, uid: base256(2n ** 32n, 8) }], expect: "refused" },
  {
    is: "a group of 2³²",
    why: "would be root's",
    entries: [{ ...file, gid: base256(2n ** 32n, 8) }],
    expect: "refused",
  },
  { is: "a user of 2³¹", why: "is a user", entries: [{ ...file, uid: base256(2n ** 31n, 8) }], expect: text },
  {
    is: "a mode with the bits of a device",
    why: "the type is said elsewhere",
    entries: [{ ...file, mode: 0o0020666 }],
    expect: text,
  },
  { is: "a time before 1970", why: "is a time", entries: [{ ...file, mtime: base256(-1n, 12) }], expect: text },
  {
    is: "a time of 2⁵²",
    why: "is a time; the disk keeps what it can",
    entries: [{ ...file, mtime: base256(2n ** 52n, 12) }],
    expect: text,
  },
  {
    is: "a time of 2⁶²",
    why: "is no number here",
    entries: [{ ...file, mtime: base256(2n ** 62n, 12) }],
    expect: "refused",
  },
  {
    is: "a device number that is negative",
    why: "is none",
    entries: [{ name: "x", flag: "3", major: base256(-1n, 8), minor: 1 }],
    expect: "refused",
  },
  {
    is: "the size of a directory",
    why: "is nothing: what follows is a header, as Go reads it",
    entries: [{ name: "d/", flag: "5", size: 512 }, file],
    expect: { d: "directory", ...text },
  },
  {
    is: "the size of a symlink",
    why: "is nothing: what follows is a header, as Go reads it",
    entries: [{ name: "l", flag: "2", link: "x", size: 512 }, file],
    expect: { l: "symlink x", ...text },
  },
];

const records: readonly Row[] = [
  { is: "a negative size", why: "would walk back", entries: [{ ...file, pax: [["size", "-4"]] }], expect: "refused" },
  {
    is: "a size with an exponent",
    why: "digits only",
    entries: [{ ...file, pax: [["size", "4e0"]] }],
    expect: "refused",
  },
  {
    is: "a size of 20 digits",
    why: "is no number here",
    entries: [{ ...file, pax: [["size", "9".repeat(20)]] }],
    expect: "refused",
  },
  {
    is: "a size larger than the header's",
    why: "it holds, and there is no more",
    entries: [{ ...file, pax: [["size", "100000"]] }],
    expect: "refused",
  },
  {
    is: "a size, none in the header",
    why: "it holds",
    entries: [{ ...file, size: 0, pax: [["size", "4"]] }],
    expect: text,
  },
  { is: "a user that is negative", why: "is nobody", entries: [{ ...file, pax: [["uid", "-1"]] }], expect: "refused" },
  {
    is: "a user of 2³²",
    why: "would be root",
    entries: [{ ...file, pax: [["uid", "4294967296"]] }],
    expect: "refused",
  },
  { is: "a time that is none", why: "digits only", entries: [{ ...file, pax: [["mtime", "NaN"]] }], expect: "refused" },
  {
    is: "a time with an exponent",
    why: "digits only",
    entries: [{ ...file, pax: [["mtime", "1e9"]] }],
    expect: "refused",
  },
  {
    is: "a time of 40 digits",
    why: "slow to read",
    entries: [{ ...file, pax: [["mtime", "1".repeat(40)]] }],
    expect: "refused",
  },
  {
    is: "a path that leaves the root",
    why: "it holds, not the header's",
    entries: [{ ...file, pax: [["path", "../x"]] }],
    expect: "refused",
  },
  {
    is: "a path that is taken back",
    why: "the header's holds",
    entries: [
      {
        ...file,
        pax: [
          ["path", "../x"],
          ["path", ""],
        ],
      },
    ],
    expect: text,
  },
  {
    is: "two paths",
    why: "the last holds",
    entries: [
      {
        ...file,
        pax: [
          ["path", "../x"],
          ["path", "y"],
        ],
      },
    ],
    expect: { y: "file text" },
  },
  {
    is: "a sparse name that leaves the root",
    why: "it is the file's name",
    entries: [
      {
        ...file,
        pax: [
          ["GNU.sparse.name", "../x"],
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.map", "0,4"],
          ["GNU.sparse.size", "4"],
        ],
      },
    ],
    expect: "refused",
  },
  {
    is: "the prototype as a key",
    why: "must change no object",
    entries: [
      {
        ...file,
        pax: [
          ["__proto__", "x"],
          ["constructor", "y"],
          ["toString", "z"],
        ],
      },
    ],
    expect: text,
  },
  {
    is: "for all entries",
    why: "is skipped, as containerd does",
    entries: [{ name: "pax", flag: "g", body: "17 path=../../x\n" }, file],
    expect: text,
  },
  {
    is: "for all entries, damaged",
    why: "is skipped, as containerd does",
    entries: [{ name: "pax", flag: "g", body: "999 path=" }, file],
    expect: text,
  },
  { is: "a length that is too long", why: "lies", entries: [{ ...file, paxBody: "99 path=y\n" }], expect: "refused" },
  { is: "a length that is too short", why: "lies", entries: [{ ...file, paxBody: "5 path=y\n" }], expect: "refused" },
  {
    is: "a length of 0",
    why: "would be read for ever",
    entries: [{ ...file, paxBody: "0 path=y\n" }],
    expect: "refused",
  },
  {
    is: "a negative length",
    why: "would walk back",
    entries: [{ ...file, paxBody: "-9 path=y\n" }],
    expect: "refused",
  },
  { is: "a length that is none", why: "digits only", entries: [{ ...file, paxBody: "x path=y\n" }], expect: "refused" },
  {
    is: "a length of 30 digits",
    why: "is no number here",
    entries: [{ ...file, paxBody: `${"1".repeat(30)} path=y\n` }],
    expect: "refused",
  },
  { is: "no equals sign", why: "is no record", entries: [{ ...file, paxBody: "7 path\n" }], expect: "refused" },
  { is: "no key", why: "is no record", entries: [{ ...file, paxBody: "5 =y\n" }], expect: "refused" },
  { is: "no line feed", why: "is no record", entries: [{ ...file, paxBody: "9 path=yz" }], expect: "refused" },
  { is: "nothing in it", why: "says nothing", entries: [{ ...file, paxBody: "" }], expect: text },
  {
    is: "60,000 records",
    why: "memory",
    entries: [{ ...file, pax: Array.from({ length: 60_000 }, (_, i) => [`k${i}`, "v"] as const) }],
    expect: text,
  },
];

const sizes: readonly Row[] = [
  {
    is: "a PAX header of 2 GiB",
    why: "memory",
    entries: [{ name: "pax", flag: "x", size: gigabytes }, file],
    expect: "refused",
  },
  {
    is: "a global PAX header of 2 GiB",
    why: "memory",
    entries: [{ name: "pax", flag: "g", size: gigabytes }, file],
    expect: "refused",
  },
  {
    is: "a GNU name of 2 GiB",
    why: "memory",
    entries: [{ name: "long", flag: "L", magic: gnu, size: gigabytes }, file],
    expect: "refused",
  },
  {
    is: "a GNU link of 2 GiB",
    why: "memory",
    entries: [{ name: "long", flag: "K", magic: gnu, size: gigabytes }, file],
    expect: "refused",
  },
  {
    is: "a GNU name over a PAX path",
    why: "both say the name",
    entries: [{ ...file, pax: [["path", "y"]], gnuName: "../z" }],
    expect: "refused",
  },
  {
    is: "two GNU names",
    why: "the last holds",
    entries: joinBytes(
      rawEntry({ name: "a", flag: "L", magic: gnu, body: "../z\0" }),
      rawArchive({ ...file, gnuName: "y" }),
    ),
    expect: { y: "file text" },
  },
  { is: "a GNU name that is empty", why: "names nothing", entries: [{ ...file, gnuName: "" }], expect: "refused" },
  {
    is: "an extended header and no entry",
    why: "was cut",
    entries: [{ name: "pax", flag: "x", body: "9 path=y\n" }],
    expect: "refused",
  },
  {
    is: "a GNU name and no entry",
    why: "was cut",
    entries: [{ name: "long", flag: "L", magic: gnu, body: "y\0" }],
    expect: "refused",
  },
];

const types: readonly Row[] = ["V", "M", "D", "N", "A", "X", "I", "\x01", "\xff", "9"].map((flag) => ({
  is: JSON.stringify(flag),
  why: "is none that a file system has",
  entries: [{ ...file, flag: flag === "\xff" ? "\udcff" : flag }],
  expect: "refused",
}));

const position = (value: number): Uint8Array => new TextEncoder().encode(`${value.toString(8).padStart(11, "0")}\0`);

// Old GNU: pieces from 386 on, "more follows" at 482, the real size at 483.
function gnuSparse(
  pieces: readonly (readonly [number, number])[],
  real: number,
  o: { more?: boolean; body?: string } = {},
): RawEntry {
  const patch = pieces.flatMap(([offset, length], i): [number, Uint8Array][] => [
    [386 + i * 24, position(offset)],
    [398 + i * 24, position(length)],
  ]);
  return {
    name: "x",
    flag: "S",
    magic: gnu,
    body: o.body ?? "text",
    patch: [...patch, [482, Uint8Array.of(o.more ? 1 : 0)], [483, position(real)]],
  };
}

const sparse1 = (map: string, size: string, body = ""): RawEntry => ({
  name: "GNUSparseFile.0/x",
  body: joinBytes(padded(map), new TextEncoder().encode(body)),
  pax: [
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.name", "x"],
    ["GNU.sparse.realsize", size],
  ],
});
const sparse01 = (map: string, size: string): RawEntry => ({
  ...file,
  pax: [
    ["GNU.sparse.numblocks", "1"],
    ["GNU.sparse.map", map],
    ["GNU.sparse.size", size],
  ],
});

function padded(map: string): Uint8Array {
  const bytes = new TextEncoder().encode(map);
  return joinBytes(bytes, new Uint8Array((512 - (bytes.length % 512)) % 512));
}

const sparse: readonly Row[] = [
  { is: "old GNU", why: "is a file with a hole", entries: [gnuSparse([[2, 4]], 8)], expect: { x: "file ··text··" } },
  {
    is: "pieces that overlap",
    why: "lies",
    entries: [
      gnuSparse(
        [
          [0, 2],
          [1, 2],
        ],
        8,
      ),
    ],
    expect: "refused",
  },
  {
    is: "pieces that go back",
    why: "lies",
    entries: [
      gnuSparse(
        [
          [4, 2],
          [0, 2],
        ],
        8,
      ),
    ],
    expect: "refused",
  },
  { is: "a piece behind the end", why: "lies", entries: [gnuSparse([[6, 4]], 8)], expect: "refused" },
  { is: "less content than the map says", why: "lies", entries: [gnuSparse([[0, 5]], 8)], expect: "refused" },
  { is: "more content than the map says", why: "lies", entries: [gnuSparse([[0, 3]], 8)], expect: "refused" },
  {
    is: "a map that goes on for ever",
    why: "memory",
    entries: [gnuSparse([[0, 4]], 8, { more: true, body: "\x01".repeat(1 << 16) })],
    expect: "refused",
  },
  {
    is: "a hole of 400 MiB",
    why: "takes no disk",
    entries: [
      {
        ...file,
        pax: [
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.map", "0,4"],
          ["GNU.sparse.size", String(400 * 2 ** 20)],
        ],
      },
    ],
    expect: { x: `file of ${400 * 2 ** 20} bytes` },
  },
  { is: "a hole of 1 PiB", why: "more than any layer", entries: [sparse01("0,4", String(2 ** 50))], expect: "refused" },
  { is: "a map of an odd length", why: "lies", entries: [sparse01("0,4,8", "20")], expect: "refused" },
  { is: "a map with a minus", why: "would walk back", entries: [sparse01("-1,4", "20")], expect: "refused" },
  { is: "a map with an empty number", why: "lies", entries: [sparse01("0,,4", "20")], expect: "refused" },
  { is: "an empty map, and content", why: "lies", entries: [sparse01("", "20")], expect: "refused" },
  {
    is: "records in the wrong order",
    why: "lies",
    entries: [
      {
        ...file,
        pax: [
          ["GNU.sparse.numbytes", "4"],
          ["GNU.sparse.offset", "0"],
        ],
      },
    ],
    expect: "refused",
  },
  { is: "a map of 10⁹ pieces", why: "memory", entries: [sparse1("1000000000\n", "20")], expect: "refused" },
  {
    is: "a map that is longer than its content",
    why: "lies",
    entries: [sparse1("9000\n0\n1\n", "20")],
    expect: "refused",
  },
  { is: "a map with letters", why: "lies", entries: [sparse1("one\n", "20")], expect: "refused" },
  {
    is: "a map of numbers without an end",
    why: "memory",
    entries: [sparse1("1".repeat(600), "20")],
    expect: "refused",
  },
  {
    is: "a map in front of the content",
    why: "is a file with a hole",
    entries: [sparse1("1\n3\n2\n", "6", "ab")],
    expect: { x: "file ···ab·" },
  },
  {
    is: "ten thousand pieces of nothing",
    why: "time",
    entries: [
      {
        ...file,
        body: "",
        pax: [
          ["GNU.sparse.numblocks", "10000"],
          ["GNU.sparse.map", Array.from({ length: 10_000 }, () => "4,0").join(",")],
          ["GNU.sparse.size", "4"],
        ],
      },
    ],
    expect: { x: "file ····" },
  },
];

function* cuts(): Generator<Row, void> {
  const header = { ...file, body: "b".repeat(700) };
  const bytes = rawEntry(header);
  const extended = rawEntry({ ...file, pax: [["path", "y"]] });
  const long = rawEntry({ ...file, gnuName: "y" });
  const places: [is: string, bytes: Uint8Array][] = [
    ["in a header", bytes.subarray(0, 100)],
    ["behind a header", bytes.subarray(0, 512)],
    ["in the content", bytes.subarray(0, 900)],
    ["in the padding", bytes.subarray(0, 512 + 800)],
    ["in an extended header", extended.subarray(0, 512 + 5)],
    ["behind an extended header", extended.subarray(0, 1024)],
    ["behind a GNU name", long.subarray(0, 1024)],
    ["in the header of the second entry", joinBytes(bytes, bytes.subarray(0, 10))],
    ["in half of the end mark", joinBytes(rawEntry(file), new Uint8Array(100))],
    ["in the extension of a sparse map", rawEntry(gnuSparse([[0, 4]], 8, { more: true, body: "" })).subarray(0, 512)],
    ["in compressed data", new Uint8Array(gzipSync(rawArchive(file))).subarray(0, 40)],
  ];
  for (const [is, cut] of places) yield { is, why: "what is there is not all", entries: cut, expect: "refused" };
  yield { is: "before the end mark", why: "old writers leave it out", entries: rawEntry(file), expect: text };
  yield {
    is: "after one block of the end mark",
    why: "old writers leave it out",
    entries: joinBytes(rawEntry(file), new Uint8Array(512)),
    expect: text,
  };
  yield { is: "before the first entry", why: "holds nothing", entries: new Uint8Array(0), expect: {} };
}

const wholes: readonly Row[] = [
  { is: "a checksum that is wrong", why: "damaged", entries: [{ ...file, checksum: 1 }], expect: "refused" },
  { is: "a checksum that is empty", why: "damaged", entries: [{ ...file, checksum: "        " }], expect: "refused" },
  {
    is: "a checksum of the second entry that is wrong",
    why: "damaged",
    entries: [
      { name: "d/", flag: "5" },
      { ...file, checksum: 1 },
    ],
    expect: "refused",
  },
  {
    is: "no tar at all",
    why: "is text",
    entries: new TextEncoder().encode("#!/bin/sh\nrm -rf /\n".repeat(40)),
    expect: "refused",
  },
  { is: "less than a block", why: "is nothing", entries: new TextEncoder().encode("x"), expect: "refused" },
  { is: "zeros", why: "is an end mark", entries: new Uint8Array(10_240), expect: {} },
  {
    is: "gzip in gzip",
    why: "one is taken off",
    entries: new Uint8Array(gzipSync(gzipSync(rawArchive(file)))),
    expect: "refused",
  },
  {
    is: "bzip2",
    why: "is no layer's compression",
    entries: new TextEncoder().encode("BZh91AY&SY........"),
    expect: "refused",
  },
  {
    is: "xz",
    why: "is no layer's compression",
    entries: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4),
    expect: "refused",
  },
  {
    is: "a second archive behind the end mark",
    why: "is none of this one",
    entries: joinBytes(rawArchive(file), rawArchive({ name: "y", body: "evil" })),
    expect: text,
  },
  {
    is: "100 MiB of zeros in 100 KB",
    why: "goes to the disk, not to memory",
    entries: zeros(),
    expect: { x: "file of 104857600 bytes" },
  },
  {
    is: "5000 links of one file",
    why: "time",
    entries: [file, ...Array.from({ length: 5000 }, (): RawEntry => ({ name: "y", flag: "1", link: "x" }))],
    expect: { x: "file text ×2", y: "file text ×2" },
  },
];

// gzip members one behind the other, so that the corpus does not need the memory itself.
function zeros(): Uint8Array {
  const size = new TextEncoder().encode(`${(100 << 20).toString(8).padStart(11, "0")}\0`);
  const megabyte = new Uint8Array(gzipSync(new Uint8Array(1 << 20)));
  const [header, end] = [rawEntry({ name: "x", size }), new Uint8Array(1024)].map((it) => new Uint8Array(gzipSync(it)));
  return joinBytes(header!, ...Array.from({ length: 100 }, () => megabyte), end!);
}

/** Archives that are not what they say. */
export function* damagedForms(): Generator<Attempt, void> {
  const groups: [of: string, rows: Iterable<Row>][] = [
    ["a header with", numbers],
    ["a record with", records],
    ["an archive with", sizes],
    ["an entry of type", types],
    ["a sparse file with", sparse],
    ["an archive that ends", cuts()],
    ["an archive that is", wholes],
  ];
  for (const [of, rows] of groups) for (const { is, ...row } of rows) yield { name: `${of} ${is}`, ...row };
}
