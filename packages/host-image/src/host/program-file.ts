import { closeSync, openSync, readSync, statSync } from "node:fs";
import { type Elf, isElf, parseElf, type ReadAt } from "../elf.ts";
import { HostImageError } from "../host-image-error.ts";
import { parseScriptLine, type ScriptLine } from "../script-line.ts";

export type ProgramFile =
  | { readonly kind: "elf"; readonly elf: Elf }
  | { readonly kind: "script"; readonly line: ScriptLine };

/**
 * What the kernel would make of a file that is to be executed.
 * @throws {HostImageError} `ERR_HOST_IMAGE_FORMAT` when it would refuse.
 */
export function readProgramFile(path: string): ProgramFile {
  return withFile(path, (read) => {
    const start = read(0, 256);
    if (isElf(start)) return { kind: "elf", elf: parseElf(read) };
    const line = parseScriptLine(start);
    if (line === undefined)
      throw new HostImageError({
        code: "ERR_HOST_IMAGE_FORMAT",
        message: "it is neither an ELF file nor a script with #!",
      });
    return { kind: "script", line };
  });
}

/** Whether the loader would take this file as a library for `program`: it skips those for other machines. */
export function isLibraryFor(path: string, program: Elf): Elf | undefined {
  try {
    const elf = withFile(path, parseElf);
    return elf.bits === program.bits && elf.machine === program.machine ? elf : undefined;
  } catch {
    return undefined;
  }
}

function withFile<Result>(path: string, use: (read: ReadAt) => Result): Result {
  try {
    if (!statSync(path).isFile())
      throw new HostImageError({ code: "ERR_HOST_IMAGE_FORMAT", message: "it is no regular file" });
    const fd = openSync(path, "r");
    try {
      return use((offset, length) => {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
      });
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const code = cause instanceof HostImageError ? cause.code : "ERR_HOST_IMAGE_MISSING";
    throw new HostImageError({ code, path, message: (cause as Error).message, cause });
  }
}
