import { HostImageError } from "./host-image-error.ts";

//  What the kernel and the loader read of a program, and nothing else:
//
//     ELF header ──▶ program headers ──┬─ PT_INTERP    the loader: /lib64/ld-linux-x86-64.so.2
//                                      ├─ PT_LOAD      which part of the file is at which address
//                                      └─ PT_DYNAMIC ──▶ DT_NEEDED DT_RPATH DT_RUNPATH  ──▶ string table
//
//  A static program, static-pie included, has neither a loader nor anything needed. @see elf(5)

/** Bytes of a file; fewer than asked for at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

export interface Elf {
  readonly bits: 32 | 64;
  /** `e_machine`: 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  /** Directories, not yet expanded; the loader ignores it beside a `runpath`. */
  readonly rpath: readonly string[];
  readonly runpath: readonly string[] | undefined;
}

// More than any program has; a file that says more is damaged or hostile.
const mostHeaders = 256;
const mostDynamic = 4096;
const longestText = 4096;

const ptLoad = 1;
const ptDynamic = 2;
const ptInterp = 3;
const dtNeeded = 1;
const dtStrtab = 5;
const dtRpath = 15;
const dtRunpath = 29;

/** Whether a file begins as an ELF file does. */
export function isElf(start: Uint8Array): boolean {
  return start[0] === 0x7f && start[1] === 0x45 && start[2] === 0x4c && start[3] === 0x46;
}

/**
 * What a program or a library needs to run.
 * @throws {HostImageError} `ERR_HOST_IMAGE_FORMAT` when it is no ELF file or contradicts itself.
 */
export function parseElf(read: ReadAt): Elf {
  const file = new ElfFile(read);
  const segments = file.segments();
  const dynamic = file.dynamic(segments);
  const texts = (tag: number): string[] =>
    dynamic.filter((entry) => entry.tag === tag).map((entry) => file.string(segments, dynamic, entry.value));
  const interp = segments.find(({ type }) => type === ptInterp);
  const runpath = texts(dtRunpath)[0];
  return {
    bits: file.bits,
    machine: file.machine,
    interpreter: interp && file.text(interp.offset, interp.size),
    needed: texts(dtNeeded),
    rpath: directories(texts(dtRpath)[0] ?? ""),
    runpath: runpath === undefined ? undefined : directories(runpath),
  };
}

const directories = (list: string): string[] => list.split(":").filter((directory) => directory !== "");

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

interface Dynamic {
  readonly tag: number;
  readonly value: number;
}

class ElfFile {
  readonly bits: 32 | 64;
  readonly machine: number;
  readonly #read: ReadAt;
  readonly #little: boolean;
  readonly #header: DataView;

  constructor(read: ReadAt) {
    const header = read(0, 64);
    if (!isElf(header) || header.length < 52) throw badElf("it is no ELF file");
    if ((header[4] !== 1 && header[4] !== 2) || (header[5] !== 1 && header[5] !== 2))
      throw badElf("its ELF header is damaged");
    this.bits = header[4] === 1 ? 32 : 64;
    this.#little = header[5] === 1;
    this.#read = read;
    this.#header = view(header);
    if (this.bits === 64 && header.length < 64) throw badElf("it is cut short");
    this.machine = this.#header.getUint16(18, this.#little);
  }

  segments(): Segment[] {
    const is64 = this.bits === 64;
    const start = is64 ? this.#number(this.#header, 32) : this.#header.getUint32(28, this.#little);
    const size = this.#header.getUint16(is64 ? 54 : 42, this.#little);
    const count = this.#header.getUint16(is64 ? 56 : 44, this.#little);
    if (count > mostHeaders || (count > 0 && size < (is64 ? 56 : 32))) throw badElf("its program headers are damaged");
    const table = this.#bytes(start, count * size);
    return Array.from({ length: count }, (_, index) => {
      const at = index * size;
      return {
        type: table.getUint32(at, this.#little),
        offset: this.#number(table, at + (is64 ? 8 : 4)),
        address: this.#number(table, at + (is64 ? 16 : 8)),
        size: this.#number(table, at + (is64 ? 32 : 16)), // in the file; what is only in memory is zeros
      };
    });
  }

  dynamic(segments: readonly Segment[]): Dynamic[] {
    const segment = segments.find(({ type }) => type === ptDynamic);
    if (segment === undefined) return [];
    const entrySize = this.bits / 4;
    const table = this.#bytes(segment.offset, Math.min(segment.size, mostDynamic * entrySize));
    const entries: Dynamic[] = [];
    for (let at = 0; at + entrySize <= table.byteLength; at += entrySize) {
      const tag = table.getUint32(this.#little || this.bits === 32 ? at : at + 4, this.#little);
      if (tag === 0) break;
      entries.push({ tag, value: this.#number(table, at + entrySize / 2) });
    }
    return entries;
  }

  string(segments: readonly Segment[], dynamic: readonly Dynamic[], at: number): string {
    const address = dynamic.find(({ tag }) => tag === dtStrtab)?.value;
    if (address === undefined) throw badElf("it has names and no string table");
    const load = segments.find(
      (one) => one.type === ptLoad && address >= one.address && address - one.address < one.size,
    );
    if (load === undefined) throw badElf("its string table lies outside of the file");
    return this.text(address - load.address + load.offset + at, longestText);
  }

  text(offset: number, most: number): string {
    const bytes = this.#read(checked(offset), Math.min(most, longestText));
    const end = bytes.indexOf(0);
    if (end <= 0) throw badElf("a name in it is empty or does not end");
    return new TextDecoder().decode(bytes.subarray(0, end));
  }

  #bytes(offset: number, length: number): DataView {
    const bytes = this.#read(checked(offset), length);
    if (bytes.length < length) throw badElf("it is cut short");
    return view(bytes);
  }

  /** An address or an offset: a word of the file's size. */
  #number(data: DataView, at: number): number {
    return this.bits === 64 ? Number(data.getBigUint64(at, this.#little)) : data.getUint32(at, this.#little);
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function checked(offset: number): number {
  if (!Number.isSafeInteger(offset)) throw badElf("a part of it lies outside of the file");
  return offset;
}

function badElf(message: string): HostImageError {
  return new HostImageError({ code: "ERR_HOST_IMAGE_FORMAT", message });
}
