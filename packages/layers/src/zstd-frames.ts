import { LayerError } from "./layers-error.ts";

//  zstd data is frames one after another; zstd:chunked layers have many, and some to skip. Node's decoder
//  takes what follows a frame in the same chunk for garbage and drops it without a word. So chunks are cut
//  where frames end:
//
//     magic ─▶ descriptor ─▶ rest of header ─▶ block header ─▶ block ─┬─▶ (checksum) ─▶ end of frame
//                                                   ▲                 │ not the last
//                                                   └─────────────────┘
//     magic of a frame to skip ─▶ size ─▶ content ─▶ end of frame
//
/** @see RFC 8878, section 3.1 */
type State = "magic" | "descriptor" | "header" | "blockHeader" | "block" | "checksum" | "skipSize" | "skip";

/** Finds the ends of frames in bytes that come in pieces. Holds no more than one number. */
export class ZstdFrames {
  #state: State = "magic";
  #left = 4; // bytes until the state is over
  #value = 0; // of a number that is being read, little-endian
  #shift = 0;
  #isLast = false;
  #hasChecksum = false;

  /** `chunk` in pieces that each end where a frame does, except the last. @throws {LayerError} `ERR_LAYERS_COMPRESSION` */
  *split(chunk: Uint8Array): Generator<Uint8Array, void> {
    let start = 0;
    for (let at = 0; at < chunk.length || this.#left === 0; ) {
      at += this.#read(chunk, at);
      if (this.#left > 0) break;
      [this.#state, this.#left] = this.#next();
      if (this.#state !== "magic") continue;
      yield chunk.subarray(start, at);
      start = at;
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }

  /** Say that no chunk follows. @throws {LayerError} `ERR_LAYERS_COMPRESSION` in the middle of a frame. */
  end(): void {
    if (this.#state !== "magic" || this.#left !== 4)
      throw damaged("it ends in the middle of a frame; it was cut short");
  }

  #read(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#left, chunk.length - at);
    const isNumber =
      this.#state !== "header" && this.#state !== "block" && this.#state !== "checksum" && this.#state !== "skip";
    for (let i = 0; isNumber && i < count; i++) {
      this.#value += chunk[at + i]! * 2 ** this.#shift;
      this.#shift += 8;
    }
    this.#left -= count;
    return count;
  }

  #next(): [State, length: number] {
    const value = this.#value;
    this.#value = 0;
    this.#shift = 0;
    switch (this.#state) {
      case "magic":
        if (value === 0xfd2fb528) return ["descriptor", 1];
        if (value >= 0x184d2a50 && value <= 0x184d2a5f) return ["skipSize", 4];
        throw damaged("something that is no frame follows a frame");
      case "descriptor":
        this.#hasChecksum = (value & 4) !== 0;
        return ["header", restOfHeader(value)];
      case "header":
        return ["blockHeader", 3];
      case "blockHeader": {
        const type = (value >> 1) & 3;
        if (type === 3) throw damaged("a block has a type that is not defined");
        this.#isLast = (value & 1) !== 0;
        return ["block", type === 1 ? 1 : value >> 3]; // type 1 repeats one byte
      }
      case "block":
        if (!this.#isLast) return ["blockHeader", 3];
        return this.#hasChecksum ? ["checksum", 4] : ["magic", 4];
      case "skipSize":
        return ["skip", value];
      case "checksum":
      case "skip":
        return ["magic", 4];
    }
  }
}

// Window, dictionary and content size: section 3.1.1.1
function restOfHeader(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const contentSize = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  return (isSingleSegment ? 0 : 1) + dictionary + contentSize;
}

function damaged(what: string): LayerError {
  return new LayerError({ code: "ERR_LAYERS_COMPRESSION", message: `the zstd data is damaged: ${what}` });
}
