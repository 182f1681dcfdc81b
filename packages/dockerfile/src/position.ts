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
  const position = (offset: number): Position => {
    const line = lastAtOrBefore(starts, offset);
    return { offset, line: line + 1, column: offset - starts[line]! + 1 };
  };
  return { position, range: (start, end) => ({ start: position(start), end: position(end) }) };
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
