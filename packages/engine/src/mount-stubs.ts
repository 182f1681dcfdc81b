import { lstatSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { defaultMounts } from "@ctr/rootfs";

/** Where a build container has something mounted that its image may have no place for. */
export const mountPlaces: readonly string[] = [
  ...defaultMounts({ shmBytes: 0, privileged: false }).map((mount) => mount.destination),
  ...["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console"],
];

/**
 * The mount points that a start is going to make: those that are in no layer yet. They would be part of the
 * image otherwise.
 */
export function mountStubs(o: { readonly lowers: readonly string[]; readonly upper: string }): string[] {
  const layers = [o.upper, ...o.lowers];
  const missing = mountPlaces.filter((place) => !layers.some((layer) => existsAt(layer, place)));
  // Deepest first, and the directories above that would be made as well.
  const all = new Set(
    missing.flatMap((place) => [
      place,
      ...parentsOf(place).filter((parent) => !layers.some((layer) => existsAt(layer, parent))),
    ]),
  );
  return [...all].sort((a, b) => b.length - a.length);
}

/** Take the mount points away again, as far as nobody put anything there. Symlinks are not followed (CVE-2024-23652). */
export function removeStubs(upper: string, stubs: readonly string[]): void {
  for (const stub of stubs) {
    const path = join(upper, stub);
    if (!isPlainPath(upper, stub)) continue;
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory() && readdirSync(path).length === 0) rmdirSync(path);
    else if (status?.isFile() && status.size === 0) rmSync(path);
  }
}

function parentsOf(place: string): string[] {
  const parts = place.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

function existsAt(layer: string, place: string): boolean {
  return !isPlainPath(layer, place) || lstatSync(join(layer, place), { throwIfNoEntry: false }) !== undefined;
}

/** Is every directory on the way a directory? Through a link the place would be somewhere else. */
function isPlainPath(layer: string, place: string): boolean {
  return parentsOf(place).every((parent) => {
    const status = lstatSync(join(layer, parent), { throwIfNoEntry: false });
    return status === undefined || status.isDirectory();
  });
}
