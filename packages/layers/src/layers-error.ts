export type LayerErrorCode =
  /** The bytes are not a tar archive, or a damaged one. */
  | "ERR_LAYERS_ARCHIVE"
  /** The archive is well formed, but this entry must not reach the disk. */
  | "ERR_LAYERS_ENTRY"
  /** A limit that protects memory, time or disk was reached. */
  | "ERR_LAYERS_LIMIT"
  /** Compressed in a way that cannot be read, or cut short. */
  | "ERR_LAYERS_COMPRESSION"
  /** The program that reads this compression is not installed. */
  | "ERR_LAYERS_PROGRAM"
  /** The content is not what its diff id promises. */
  | "ERR_LAYERS_DIFF_ID"
  /** The kernel refused to write an entry; `cause` is its error. */
  | "ERR_LAYERS_WRITE"
  /** A tree that cannot be told in a layer, or that changed while it was read. */
  | "ERR_LAYERS_SOURCE";

/** A layer that could not be read, written or trusted. Match on `code`, never on `message`. */
export class LayerError extends Error {
  override readonly name = "LayerError";
  readonly code: LayerErrorCode;
  /** The entry as the archive or the tree names it, when one entry is to blame. */
  readonly entry: string | undefined;
  /** The message without the entry's name. */
  readonly reason: string;

  constructor(at: { code: LayerErrorCode; message: string; entry?: string | undefined; cause?: unknown }) {
    const where = at.entry === undefined ? "" : `layer entry ${printable(at.entry)}: `;
    super(where + at.message, at.cause === undefined ? undefined : { cause: at.cause });
    this.code = at.code;
    this.entry = at.entry;
    this.reason = at.message;
  }
}

// Names come from outside: control characters must not reach a terminal, and a megabyte must not reach a log.
function printable(name: string): string {
  const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
