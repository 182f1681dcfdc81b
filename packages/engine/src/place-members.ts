import { type ArchiveMember, type TarEntry, treeMembers } from "@ctr/layers";
import type { Place } from "./copy-place.ts";

/**
 * What has a name, and everything below it, as members of an archive. A file that is being cut short meanwhile
 * ends in zeros, as GNU tar has it.
 *
 * @param o.name  What the archive calls it; without one, only what it holds is in the archive, named from there.
 */
export async function* placeMembers(
  place: Place,
  o: { readonly name: string | undefined; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<ArchiveMember, void> {
  const isRoot = place.name === "";
  const below = (name: string): string => (isRoot ? name.replace(/^\.\/$/, "") : name.slice(place.name.length + 1));
  const rename = (name: string): string => {
    const rest = below(name);
    if (o.name === undefined) return rest;
    return rest === "" && !name.endsWith("/") ? o.name : `${o.name}/${rest}`;
  };
  const members = treeMembers({
    directory: `/proc/self/fd/${place.fd}/.`,
    only: isRoot ? undefined : place.name,
    plainNames: true,
    signal: o.signal,
  });
  for await (const { entry, content } of members) {
    if (!isRoot && entry.name === "./") continue; // the directory that the place is in
    const name = rename(entry.name);
    if (name === "") continue;
    const link = entry.type === "hardlink" ? rename(entry.link) : entry.link;
    yield { entry: { ...entry, name, link }, content: filledUp(entry, content ?? []) };
  }
}

async function* filledUp(
  entry: TarEntry,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let left = entry.size;
  for await (const chunk of content) {
    left -= chunk.length;
    yield chunk;
  }
  for (; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
}

const zeros = new Uint8Array(64 << 10);
