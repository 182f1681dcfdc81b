import { encodeName } from "@ctr/plan";
import { refused } from "./entry-name.ts";
import type { TarEntry } from "./tar-entry.ts";

/**
 * Whether a file system can have what the entry says, its names aside, and no part of it speaks to overlay.
 * @throws {LayerError} `ERR_LAYERS_ENTRY`
 */
export function checkEntry(entry: TarEntry): void {
  const { name, type, link } = entry;
  if (type === "symlink" && !isLinkText(link))
    throw refused(name, "no symlink can have its text: it is empty, longer than 4095 bytes or holds a NUL byte");
  if (type === "character" || type === "block") checkDevice(entry);
  checkXattrs(entry);
}

function isLinkText(text: string): boolean {
  return text !== "" && !text.includes("\0") && text.length <= 4095 && encodeName(text).length <= 4095;
}

function checkDevice({ name, type, major, minor }: TarEntry): void {
  // 12 and 20 bits: include/linux/kdev_t.h
  if (!(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20))
    throw refused(name, "no device has its number");
  if (type === "character" && major === 0 && minor === 0)
    throw refused(name, "a character device 0:0 is overlay's own sign for a removed name");
}

function checkXattrs(entry: TarEntry): void {
  for (const name of entry.xattrs.keys()) {
    const shown = JSON.stringify(name.slice(0, 100));
    // Its redirects could show any directory of any layer (fs/overlayfs, "redirect").
    if (/^(?:trusted|user)\.overlay\./.test(name))
      throw refused(entry.name, `its extended attribute ${shown} is overlay's own`);
    if (!/^(?:user|trusted|security|system)\.[^\0]+$/.test(name) || encodeName(name).length > 255)
      throw refused(entry.name, `no file can have its extended attribute ${shown}`);
  }
}
