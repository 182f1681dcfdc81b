import { ByteQueue } from "./byte-queue.ts";
import { EntryBuilder, isMetaFlag } from "./entry-builder.ts";
import { blockSize, decodeHeaderBlock } from "./header-block.ts";
import { LayerError } from "./layers-error.ts";
import { checkPieces, decodeGnuPieces, LeadingMap, type Piece, tooManyPieces } from "./sparse-map.ts";
import type { TarEntry } from "./tar-entry.ts";

/** What an archive tells, in its order. `data` comes between an `entry` and its `done`; gaps between offsets are holes. */
export type ArchiveEvent =
  | { readonly type: "entry"; readonly entry: TarEntry }
  | { readonly type: "data"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly type: "done" };

export interface ArchiveLimits {
  /** Header blocks, extended ones too. Default 1 000 000. */
  readonly headers?: number;
  /** Bytes of one extended header or long name: what must be in memory at once. Default 1 MiB, as Go's archive/tar. */
  readonly headerBytes?: number;
  /** Bytes of the archive after decompression, and of files with their holes. Default 128 GiB. */
  readonly bytes?: number;
}

type State =
  | { readonly at: "header" }
  | { readonly at: "meta"; readonly flag: string; readonly size: number }
  | { readonly at: "gnuMap"; readonly stored: number; readonly pieces: Piece[] }
  | { readonly at: "paxMap"; stored: number; readonly map: LeadingMap }
  | { readonly at: "content"; readonly pieces: readonly Piece[]; piece: number; used: number; padding: number }
  | { readonly at: "padding"; readonly size: number }
  | { readonly at: "end" };

// A step carries its bytes; larger ones would only make a batch larger.
const largestData = 1 << 20;

/**
 * Reads an archive as it arrives: POSIX ustar and PAX, GNU, star, and the format before all of them, with
 * sparse files. Extended headers that hold for the whole archive are skipped, as containerd and Docker do.
 *
 * Memory is one header and the chunk given, whatever the archive says. Chunks are used in place: they must
 * not change until their events are consumed.
 */
export class ArchiveReader {
  readonly #queue = new ByteQueue();
  readonly #limits: Required<ArchiveLimits>;
  #state: State = { at: "header" };
  #builder = new EntryBuilder();
  #headers = 0;
  #bytes = 0;
  #fileBytes = 0;
  #size = 0; // of the file that is being read, with its holes

  constructor(limits: ArchiveLimits = {}) {
    this.#limits = { headers: 1_000_000, headerBytes: 1 << 20, bytes: 128 * 2 ** 30, ...limits };
  }

  /**
   * The events that `chunk` completes.
   * @throws {LayerError} `ERR_LAYERS_ARCHIVE`, `ERR_LAYERS_LIMIT`; also while the result is iterated.
   */
  *push(chunk: Uint8Array): Generator<ArchiveEvent, void> {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.bytes) throw overLimit(`more than ${this.#limits.bytes} bytes`);
    this.#queue.push(chunk);
    while (this.#state.at !== "end") {
      const queued = this.#queue.length;
      const before = this.#state;
      const event = this.#advance();
      if (event !== undefined) yield event;
      else if (this.#state === before && this.#queue.length === queued) return;
    }
    this.#queue.takeSome(this.#queue.length); // what follows the end mark is padding, whatever it holds
  }

  /** Say that no chunk follows. @throws {LayerError} `ERR_LAYERS_ARCHIVE` when the archive stops in the middle of something. */
  end(): void {
    const whole =
      this.#state.at === "end" || (this.#state.at === "header" && this.#queue.length === 0 && this.#builder.isEmpty);
    if (!whole) throw damaged("the archive ends in the middle of an entry; it was cut short");
  }

  #advance(): ArchiveEvent | undefined {
    const state = this.#state;
    switch (state.at) {
      case "header":
        return this.#readHeader();
      case "meta":
        return this.#readMeta(state);
      case "gnuMap":
        return this.#readGnuMap(state);
      case "paxMap":
        return this.#readPaxMap(state);
      case "content":
        return this.#readContent(state);
      case "padding":
        if (this.#queue.take(state.size) !== undefined) this.#state = { at: "header" };
        return undefined;
      case "end":
        return undefined;
    }
  }

  #readHeader(): ArchiveEvent | undefined {
    const block = this.#queue.take(blockSize);
    if (block === undefined) return undefined;
    const header = decodeHeaderBlock(block);
    if (header === undefined) {
      if (!this.#builder.isEmpty) throw damaged("an extended header is followed by no entry");
      this.#state = { at: "end" };
      return undefined;
    }
    if (++this.#headers > this.#limits.headers) throw overLimit(`more than ${this.#limits.headers} headers`);
    if (header.size < 0) throw damaged("an entry has a negative size");
    if (isMetaFlag(header.flag)) {
      if (header.size > this.#limits.headerBytes)
        throw overLimit(`an extended header of more than ${this.#limits.headerBytes} bytes`);
      this.#state = { at: "meta", flag: header.flag, size: header.size };
      return undefined;
    }
    return this.#startEntry(block, header.flag === "S");
  }

  #readMeta(state: { readonly flag: string; readonly size: number }): undefined {
    const content = this.#queue.take(padded(state.size));
    if (content === undefined) return;
    this.#builder.addMeta(state.flag, content.subarray(0, state.size));
    this.#state = { at: "header" };
  }

  #startEntry(block: Uint8Array, isGnuSparse: boolean): ArchiveEvent {
    const { entry, stored, pieces, mapIsInContent } = this.#builder.build(block);
    this.#builder = new EntryBuilder();
    this.#size = entry.size;
    this.#fileBytes += entry.size;
    if (this.#fileBytes > this.#limits.bytes) throw overLimit(`files of more than ${this.#limits.bytes} bytes`);
    if (isGnuSparse) {
      const first = decodeGnuPieces(block, true);
      if (first.more) this.#state = { at: "gnuMap", stored, pieces: first.pieces };
      else this.#startContent(first.pieces, entry.size, stored);
    } else if (mapIsInContent) {
      this.#state = { at: "paxMap", stored, map: new LeadingMap() };
    } else {
      this.#startContent(pieces ?? [{ offset: 0, length: entry.size }], entry.size, stored);
    }
    return { type: "entry", entry };
  }

  #startContent(pieces: readonly Piece[], size: number, stored: number): void {
    checkPieces(pieces, size, stored);
    this.#state = { at: "content", pieces, piece: 0, used: 0, padding: padded(stored) - stored };
  }

  #readGnuMap(state: { readonly stored: number; readonly pieces: Piece[] }): undefined {
    const block = this.#queue.take(blockSize);
    if (block === undefined) return;
    const { pieces, more } = decodeGnuPieces(block, false);
    state.pieces.push(...pieces);
    if (state.pieces.length * 24 > this.#limits.headerBytes) throw tooManyPieces();
    if (!more) this.#startContent(state.pieces, this.#size, state.stored);
  }

  #readPaxMap(state: { stored: number; readonly map: LeadingMap }): undefined {
    const block = this.#queue.take(blockSize);
    if (block === undefined) return;
    if (state.stored < blockSize) throw damaged("the map of a sparse file is longer than its content");
    state.stored -= blockSize;
    const pieces = state.map.push(block);
    if (pieces !== undefined) this.#startContent(pieces, this.#size, state.stored);
  }

  #readContent(state: Extract<State, { at: "content" }>): ArchiveEvent | undefined {
    while (state.pieces[state.piece]?.length === state.used) {
      state.piece++;
      state.used = 0;
    }
    const piece = state.pieces[state.piece];
    if (piece === undefined) {
      this.#state = state.padding === 0 ? { at: "header" } : { at: "padding", size: state.padding };
      return { type: "done" };
    }
    const bytes = this.#queue.takeSome(Math.min(piece.length - state.used, largestData));
    const offset = piece.offset + state.used;
    state.used += bytes.length;
    return bytes.length === 0 ? undefined : { type: "data", offset, bytes };
  }
}

const padded = (size: number): number => Math.ceil(size / blockSize) * blockSize;

function damaged(message: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_ARCHIVE", message });
}

function overLimit(what: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_LIMIT", message: `the archive holds ${what}` });
}
