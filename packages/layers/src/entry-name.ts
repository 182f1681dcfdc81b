import { encodeName } from "@ctr/plan";
import { LayerError } from "./layers-error.ts";

//   "/usr//bin/./sh"     usr bin sh     slashes at the start, doubled ones and "." say nothing
//   "a/../b"             b              what stays inside is taken, as path.Clean of Go does
//   "../etc/passwd"      refused        what leaves the root is not
//   "./", "/"            (none)         the root itself
//   ""                   refused        names nothing

// <linux/limits.h>
const longestName = 255;
const longestPath = 4095;

/**
 * The parts of the path that an entry's name means, none of them "." or "..".
 * @throws {LayerError} `ERR_LAYERS_ENTRY` for a name that leaves the root or that no file can have.
 */
export function entryPath(name: string): string[] {
  if (name === "") throw refused(name, "its name is empty");
  if (name.includes("\0")) throw refused(name, "its name holds a NUL byte");
  const path: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") path.push(part);
    else if (path.pop() === undefined) throw refused(name, "its name leaves the root of the layer");
  }
  checkLengths(name, path);
  return path;
}

export type LastPart =
  | { readonly kind: "name"; readonly name: string }
  /** Hides one name of the layers below. */
  | { readonly kind: "whiteout"; readonly name: string }
  /** Hides everything that the layers below have in this directory. */
  | { readonly kind: "opaque" }
  /** Notes that AUFS kept for itself. */
  | { readonly kind: "aufs" };

/**
 * What the last part of an entry's path says.
 * @throws {LayerError} `ERR_LAYERS_ENTRY` for a whiteout of nothing, of "." or of "..".
 * @see image-spec layer.md#whiteouts
 */
export function classify(last: string, entry: string = last): LastPart {
  if (last === ".wh..wh..opq") return { kind: "opaque" };
  if (last.startsWith(".wh..wh.")) return { kind: "aufs" };
  if (!last.startsWith(".wh.")) return { kind: "name", name: last };
  const name = last.slice(4);
  if (name === "" || name === "." || name === "..")
    throw refused(entry, `its whiteout of ${JSON.stringify(name)} names nothing`);
  return { kind: "whiteout", name };
}

export function refused(entry: string, message: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_ENTRY", entry, message });
}

function checkLengths(name: string, path: readonly string[]): void {
  // A UTF-16 unit is at most three bytes: hardly any name has to be encoded to be found short enough.
  const isWithin = (text: string, most: number): boolean =>
    text.length * 3 <= most || (text.length <= most && encodeName(text).length <= most);
  if (isWithin(name, longestName)) return;
  if (!path.every((part) => isWithin(part, longestName)))
    throw refused(name, `a part of its name is longer than ${longestName} bytes`);
  if (!isWithin(`/${path.join("/")}`, longestPath)) throw refused(name, `its name is longer than ${longestPath} bytes`);
}
