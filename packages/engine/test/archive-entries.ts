import { createHash } from "node:crypto";
import { ArchiveReader, type TarEntry } from "@ctr/layers";

/** All that an archive tells of each name, as text. */
export async function entriesOf(archive: AsyncIterable<Uint8Array>): Promise<Record<string, string>> {
  const reader = new ArchiveReader();
  const found: Record<string, string> = {};
  let entry: TarEntry | undefined;
  let hash = createHash("sha256");
  for await (const chunk of archive)
    for (const event of reader.push(Buffer.from(chunk))) {
      if (event.type === "entry") {
        entry = event.entry;
        hash = createHash("sha256");
      } else if (event.type === "data") hash.update(event.bytes);
      else if (entry !== undefined) found[entry.name] = describe(entry, hash.digest("hex").slice(0, 8));
    }
  reader.end();
  return found;
}

function describe(entry: TarEntry, content: string): string {
  const { type, mode, uid, gid, size, mtime, link, major, minor, xattrs } = entry;
  const device = type === "character" || type === "block" ? `${major}:${minor}` : "";
  const attributes = [...xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).sort();
  const body = type === "file" ? `${size} ${content}` : "";
  return [type, mode.toString(8), `${uid}:${gid}`, mtime, body, link, device, ...attributes].filter(Boolean).join(" ");
}

/** What was said about each name, without the names that both sides say the same of. */
export function difference(a: Record<string, string>, b: Record<string, string>): Record<string, [string?, string?]> {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...names].filter((name) => a[name] !== b[name]).map((name) => [name, [a[name], b[name]] as [string?, string?]]),
  );
}

/** The bytes of an archive that is given in parts. */
export async function* inParts(parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield Uint8Array.from(part);
}
