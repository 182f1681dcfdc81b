/** A place in a text. `line` and `column` count from 1, `offset` from 0; columns and offsets are UTF-16 code units. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** From `start` up to, not including, `end`. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** Answers "which line and column is this offset?" in logarithmic time. */
export interface PositionIndex {
  position(offset: number): Position;
  range(start: number, end: number): Range;
}

/** Lines end at a line feed, as everywhere in the Dockerfile language. */
export function indexPositions(text: string): PositionIndex {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  let line = 0; // of the question before, which most often is the answer again, or the line after it
  const onLine = (offset: number): boolean =>
    starts[line]! <= offset && (line + 1 === starts.length || offset < starts[line + 1]!);
  const position = (offset: number): Position => {
    if (!onLine(offset) && !(++line < starts.length && onLine(offset))) line = lastAtOrBefore(starts, offset);
    return { offset, line: line + 1, column: offset - starts[line]! + 1 };
  };
  return { position, range: (start, end) => new SourceRange(position, start, end) };
}

/** Most ranges of a file are never asked for their lines, and there are many: they are worked out on demand. */
class SourceRange implements Range {
  readonly #position: PositionIndex["position"];
  readonly #start: number;
  readonly #end: number;

  constructor(position: PositionIndex["position"], start: number, end: number) {
    this.#position = position;
    this.#start = start;
    this.#end = end;
  }

  get start(): Position {
    return this.#position(this.#start);
  }

  get end(): Position {
    return this.#position(this.#end);
  }

  toJSON(): Range {
    return { start: this.start, end: this.end };
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): Range {
    return this.toJSON();
  }
}

/** The index of the last number in `sorted` that is not above `value`; `sorted[0]` never is. */
export function lastAtOrBefore(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
