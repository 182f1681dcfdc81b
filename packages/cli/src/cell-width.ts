const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Letters that take two cells: CJK, Hangul, full-width forms, emoji. @see Unicode Standard Annex #11 */
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}])/u;
const noWidth = /^\p{Mark}/u;

/** Cells that a text takes on a terminal's line. */
export function cellWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += noWidth.test(segment) ? 0 : wide.test(segment) ? 2 : 1;
  return width;
}

/** The beginning of a text that fits into so many cells; `…` stands for what is left out. */
export function cutToWidth(text: string, cells: number): string {
  // Nothing that fits is this long, and looking at all of a line of a megabyte takes time.
  const start = text.slice(0, cells * 8 + 8);
  if (start.length === text.length && cellWidth(text) <= cells) return text;
  let width = 0;
  let cut = "";
  for (const { segment } of segmenter.segment(start)) {
    width += cellWidth(segment);
    if (width > cells - 1) break;
    cut += segment;
  }
  return cells <= 0 ? "" : `${cut}…`;
}
