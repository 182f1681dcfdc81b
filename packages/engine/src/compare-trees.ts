import { createHash } from "node:crypto";
import { type ArchiveMember, treeMembers } from "@ctr/layers";

// What a layer's archive would say of each name. The directory itself is left out: where the archive does not mention
// it, its owner and times are those of the moment it was made.

/** A name of a tree and all that a layer can tell of it. */
interface Told {
  readonly name: string;
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  readonly time: string;
  readonly "size or content": string;
  readonly "extended attributes": string;
}

/**
 * What in the directory `found` differs from the directory `expected`, a sentence for each name. Both are layers,
 * with whiteouts as overlay has them. Equal trees are read once and nothing is kept in memory of them.
 */
export async function* compareTrees(o: { readonly expected: string; readonly found: string }): AsyncGenerator<string> {
  if ((await digestOf(o.expected)) === (await digestOf(o.found))) return;
  const expected = new Map<string, Told>();
  for await (const told of tell(o.expected)) expected.set(told.name, told);
  try {
    for await (const told of tell(o.found)) {
      const other = expected.get(told.name);
      expected.delete(told.name);
      const difference = other === undefined ? "was added" : differenceOf(told, other);
      if (difference !== undefined) yield `${JSON.stringify(told.name)} ${difference}`;
    }
  } catch (error) {
    yield `it cannot be read: ${(error as Error).message}`;
    return;
  }
  for (const name of expected.keys()) yield `${JSON.stringify(name)} is missing`;
}

async function digestOf(directory: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const told of tell(directory)) hash.update(`${JSON.stringify(Object.values(told))}\n`);
  } catch {
    return undefined; // what cannot be read is told of by the comparison of names
  }
  return hash.digest("hex");
}

async function* tell(directory: string): AsyncGenerator<Told> {
  for await (const member of treeMembers({ directory, overlayXattrs: "trusted" })) {
    if (member.entry.name !== "./") yield await toldOf(member);
  }
}

async function toldOf({ entry, content }: ArchiveMember): Promise<Told> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content ?? []) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const xattrs = [...entry.xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).sort();
  const device = entry.type === "character" || entry.type === "block" ? ` ${entry.major}:${entry.minor}` : "";
  return {
    name: entry.name.replace(/\/$/, ""),
    kind: `${entry.type}${device}${entry.link === "" ? "" : ` to ${entry.link}`}`,
    mode: entry.mode.toString(8),
    owner: `${entry.uid}:${entry.gid}`,
    time: String(entry.mtime),
    "size or content": `${bytes} ${hash.digest("hex")}`,
    "extended attributes": xattrs.join(),
  };
}

function differenceOf(found: Told, expected: Told): string | undefined {
  if (found.kind !== expected.kind) return `is a ${found.kind}, not a ${expected.kind}`;
  if (found.mode !== expected.mode) return `has mode ${found.mode}, not ${expected.mode}`;
  if (found.owner !== expected.owner) return `belongs to ${found.owner}, not ${expected.owner}`;
  const names = ["size or content", "extended attributes", "time"] as const;
  const name = names.find((one) => found[one] !== expected[one]);
  return name === undefined ? undefined : `has another ${name}`;
}
