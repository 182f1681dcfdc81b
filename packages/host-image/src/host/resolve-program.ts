import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { searchPath as defaultSearchPath } from "../base-files.ts";
import { HostImageError } from "../host-image-error.ts";
import { LibrarySearch, type Needer } from "./library-search.ts";
import { readProgramFile } from "./program-file.ts";

export interface ResolveProgramOptions {
  /** An absolute path, or a name that is looked up in `searchPath`. */
  readonly program: string;
  /** Directories with colons between them. Default: the usual six, never this process's PATH. */
  readonly searchPath?: string;
}

/** A program of this machine and the files without which it does not start. */
export interface ResolvedProgram {
  readonly path: string;
  /** Needs no loader: it runs in an empty root. */
  readonly isStatic: boolean;
  /** Loaders and libraries, each as the loader would find it; symlinks are not resolved. */
  readonly libraries: readonly string[];
  /** Interpreters of a script, and what `env` would start. */
  readonly interpreters: readonly string[];
  /** A library lies relative to the program, so that the program cannot be moved. */
  readonly usesOrigin: boolean;
  /** A library is found only with this machine's /etc/ld.so.cache. */
  readonly usesCache: boolean;
}

// The largest programs of a desktop need some 400.
const mostLibraries = 2000;
const deepestScript = 4; // BINPRM recursion of the kernel: exec_binprm in fs/exec.c

/**
 * Find a program and everything that the kernel and the loader would open to start it. Nothing is executed.
 * Libraries that a program opens later by itself (dlopen) are not seen, but for glibc's name lookup.
 *
 * @throws {HostImageError} `ERR_HOST_IMAGE_MISSING`, `ERR_HOST_IMAGE_FORMAT`, `ERR_HOST_IMAGE_LIBRARY`
 * @see ld.so(8)
 */
export function resolveProgram({ program, searchPath = defaultSearchPath }: ResolveProgramOptions): ResolvedProgram {
  const path = findProgram(program, searchPath);
  const found = new Set<string>();
  const interpreters: string[] = [];
  const flags = { usesOrigin: false, usesCache: false };
  const search = new LibrarySearch();
  const isStatic = addProgram(path, 0);

  function addProgram(program: string, depth: number): boolean {
    const file = readProgramFile(program);
    if (file.kind === "elf") return addLibraries({ path: program, elf: file.elf, parent: undefined });
    if (depth >= deepestScript)
      throw new HostImageError({
        code: "ERR_HOST_IMAGE_FORMAT",
        path: program,
        message: "its interpreters are scripts without end",
      });
    const next = [
      file.line.interpreter,
      ...(file.line.program === undefined ? [] : [findProgram(file.line.program, searchPath)]),
    ];
    for (const interpreter of next) {
      interpreters.push(interpreter);
      addProgram(interpreter, depth + 1);
    }
    return false;
  }

  function addLibraries(program: Needer): boolean {
    const { interpreter } = program.elf;
    if (interpreter !== undefined) found.add(interpreter);
    const queue: Needer[] = [program];
    const names = new Set<string>(); // the loader loads each name once
    for (let needer = queue.shift(); needer !== undefined; needer = queue.shift())
      for (const name of needer.elf.needed) {
        if (names.has(name)) continue;
        names.add(name);
        const library = search.find(name, needer);
        if (library === undefined) throw missingLibrary(name, needer);
        if (found.size > mostLibraries)
          throw new HostImageError({
            code: "ERR_HOST_IMAGE_LIMIT",
            path: program.path,
            message: `it needs more than ${mostLibraries} libraries`,
          });
        // The loader itself is often needed by name too, and then known by its path already.
        if (interpreter === undefined || !isSameFile(library.path, interpreter)) found.add(library.path);
        flags.usesOrigin ||= library.byOrigin;
        flags.usesCache ||= library.byCache;
        queue.push({ path: library.path, elf: library.elf, parent: needer });
      }
    if (names.has("libc.so.6")) addLoadedLater(program);
    return interpreter === undefined && program.elf.needed.length === 0;
  }

  // glibc opens these when a name is looked up, or a thread is cancelled: nss(5), pthread_cancel(3).
  function addLoadedLater(program: Needer): void {
    for (const name of ["libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"]) {
      const library = search.find(name, program);
      if (library !== undefined) found.add(library.path);
    }
  }

  return { path, isStatic, libraries: [...found].sort(), interpreters, ...flags };
}

/** The path of a program. @throws {HostImageError} `ERR_HOST_IMAGE_MISSING` */
export function findProgram(program: string, searchPath: string = defaultSearchPath): string {
  if (program.includes("/") && !isAbsolute(program))
    throw new HostImageError({
      code: "ERR_HOST_IMAGE_MISSING",
      message: `${JSON.stringify(program)} is neither a name nor an absolute path`,
    });
  const places = isAbsolute(program) ? [program] : searchPath.split(":").map((directory) => `${directory}/${program}`);
  const found = places.find(isExecutable);
  if (found === undefined)
    throw new HostImageError({
      code: "ERR_HOST_IMAGE_MISSING",
      message: `this machine has no program ${JSON.stringify(program)}; looked for ${places.join(", ")}`,
    });
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

function missingLibrary(name: string, { path, parent }: Needer): HostImageError {
  return new HostImageError({
    code: "ERR_HOST_IMAGE_LIBRARY",
    path,
    message: `it needs the library ${JSON.stringify(name)}, which the loader would not find${parent === undefined ? "" : ` (asked for by ${parent.path})`}`,
  });
}
