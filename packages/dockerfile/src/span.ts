/** A part of a logical line. `text` is what it means, which is not always `line.slice(start, end)`. */
export interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}
