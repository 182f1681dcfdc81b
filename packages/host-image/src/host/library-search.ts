import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Elf } from "../elf.ts";
import { parseLoaderCache } from "../loader-cache.ts";
import { isLibraryFor } from "./program-file.ts";

//  Where the loader looks for a name without a slash, first hit of the right machine wins (ld.so(8)):
//
//     1  DT_RPATH of the object and of those that asked for it, unless the object has a DT_RUNPATH
//     2  LD_LIBRARY_PATH: left out, the image has another environment
//     3  DT_RUNPATH of the object
//     4  /etc/ld.so.cache; where there is none, the directories of /etc/ld.so.conf
//     5  /lib, /usr/lib and their 64-bit kin
//
//  musl has no cache: /etc/ld-musl-*.path or /lib, /usr/local/lib, /usr/lib.

/** An object that needs libraries, and the one that needed it. */
export interface Needer {
  readonly path: string;
  readonly elf: Elf;
  readonly parent: Needer | undefined;
}

export interface FoundLibrary {
  readonly path: string;
  readonly elf: Elf;
  /** Found by a path that starts at the place of the object that needs it. */
  readonly byOrigin: boolean;
  /** Found in none of the directories that a loader knows by itself. */
  readonly byCache: boolean;
}

/** Searches libraries on this machine; reads the loader's configuration once. */
export class LibrarySearch {
  #cache: Map<string, string[]> | undefined;
  #configured: string[] | undefined;

  find(name: string, needer: Needer): FoundLibrary | undefined {
    if (name.includes("/")) return this.#try(expand(name, needer.path), needer.elf, name.includes("$"), false);
    for (const directory of runPaths(needer)) {
      const path = expand(directory.text, directory.owner);
      const found = this.#try(path && `${path}/${name}`, needer.elf, directory.text.includes("$"), false);
      if (found !== undefined) return found;
    }
    for (const path of this.#known(name, needer)) {
      const found = this.#try(path, needer.elf, false, !standard.test(dirname(path)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #try(path: string | undefined, program: Elf, byOrigin: boolean, byCache: boolean): FoundLibrary | undefined {
    const elf = path?.startsWith("/") ? isLibraryFor(path, program) : undefined;
    return elf && { path: path as string, elf, byOrigin, byCache };
  }

  #known(name: string, needer: Needer): string[] {
    let top = needer;
    while (top.parent !== undefined) top = top.parent;
    const musl = /\/ld-musl-([a-z0-9_-]+)\.so\.1$/.exec(top.elf.interpreter ?? "");
    if (musl !== null) {
      const listed = readText(`/etc/ld-musl-${musl[1]}.path`)
        ?.split(/[\n:]/)
        .filter((directory) => directory !== "");
      return (listed ?? ["/lib", "/usr/local/lib", "/usr/lib"]).map((directory) => `${directory}/${name}`);
    }
    const directories = needer.elf.bits === 64 ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] : ["/lib", "/usr/lib"];
    this.#cache ??= parseLoaderCache(readBytes("/etc/ld.so.cache"));
    if (this.#cache.size === 0) {
      this.#configured ??= readConfiguration("/etc/ld.so.conf");
      directories.unshift(...this.#configured);
    }
    return [...(this.#cache.get(name) ?? []), ...directories.map((directory) => `${directory}/${name}`)];
  }
}

// What loaders have built in, Debian's multiarch directories too.
const standard = /^(?:\/usr)?\/lib(?:32|64|x32)?(?:\/[a-z0-9_]+-linux-(?:gnu|musl)[a-z0-9]*)?$/;

function runPaths(needer: Needer): { text: string; owner: string }[] {
  if (needer.elf.runpath !== undefined) return needer.elf.runpath.map((text) => ({ text, owner: needer.path }));
  const found: { text: string; owner: string }[] = [];
  for (let at: Needer | undefined = needer; at !== undefined; at = at.parent)
    if (at.elf.runpath === undefined) for (const text of at.elf.rpath) found.push({ text, owner: at.path });
  return found;
}

// $LIB and $PLATFORM differ from loader to loader; a directory that needs them is left out.
function expand(text: string, owner: string): string | undefined {
  const path = text.replaceAll(/\$(?:ORIGIN\b|\{ORIGIN\})/g, () => dirname(owner));
  return path.includes("$") ? undefined : path;
}

// Directories, one a line; "include" names more such files, with "*" in the last part only.
function readConfiguration(path: string, depth = 0): string[] {
  const lines = (readText(path) ?? "").split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines.flatMap((line) => {
    if (line.startsWith("/")) return [line];
    const pattern = /^include\s+(.+)$/.exec(line)?.[1];
    if (pattern === undefined || depth >= 4) return [];
    const file = pattern.startsWith("/") ? pattern : `${dirname(path)}/${pattern}`;
    return matching(file).flatMap((one) => readConfiguration(one, depth + 1));
  });
}

function matching(pattern: string): string[] {
  const directory = dirname(pattern);
  const [start, end] = pattern.slice(directory.length + 1).split("*");
  if (end === undefined) return [pattern];
  try {
    const names = readdirSync(directory).filter((name) => name.startsWith(start!) && name.endsWith(end));
    return names.sort().map((name) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  const bytes = readBytes(path);
  return bytes.length === 0 ? undefined : new TextDecoder().decode(bytes);
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array(0);
  }
}
