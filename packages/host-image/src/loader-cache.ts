//  /etc/ld.so.cache, as glibc writes it since 2.2 (sysdeps/generic/dl-cache.h, struct cache_file_new):
//
//     "glibc-ld.so.cache1.1"  count  string bytes  flags … 48 bytes in all
//     count × { flags, name, path, os version, hwcap }   24 bytes each, offsets into the whole
//     strings
//
//  Older versions put the format of before in front of it; that one is skipped by looking for the magic.

const magic = new TextEncoder().encode("glibc-ld.so.cache1.1");
const headerSize = 48;
const entrySize = 24;
const mostEntries = 100_000;

/**
 * The paths that a loader cache has for each library name, in the loader's order. Entries for special
 * processors are left out. A file that is none or damaged is an empty cache, as it is for the loader.
 */
export function parseLoaderCache(file: Uint8Array): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const start = indexOf(file, magic);
  if (start < 0 || file.length < start + headerSize) return found;
  const cache = file.subarray(start);
  const data = new DataView(cache.buffer, cache.byteOffset, cache.byteLength);
  // In the byte order of the machine; those that Node runs Linux on are little-endian, but for s390x.
  const count = Math.min(data.getUint32(20, true), mostEntries);
  for (let i = 0; i < count; i++) {
    const at = headerSize + i * entrySize;
    if (at + entrySize > cache.length) break;
    if (data.getBigUint64(at + 16, true) !== 0n) continue;
    const name = text(cache, data.getUint32(at + 4, true));
    const path = text(cache, data.getUint32(at + 8, true));
    if (name === undefined || path === undefined || !path.startsWith("/")) continue;
    const paths = found.get(name);
    if (paths === undefined) found.set(name, [path]);
    else paths.push(path);
  }
  return found;
}

function text(cache: Uint8Array, at: number): string | undefined {
  const bytes = cache.subarray(at, at + 4096);
  const end = bytes.indexOf(0);
  return end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : undefined;
}

function indexOf(file: Uint8Array, part: Uint8Array): number {
  for (let at = file.indexOf(part[0]!); at >= 0; at = file.indexOf(part[0]!, at + 1))
    if (part.every((byte, index) => file[at + index] === byte)) return at;
  return -1;
}
