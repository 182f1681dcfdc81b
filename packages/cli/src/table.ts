import { harmless } from "./failure.ts";

/**
 * Columns as Docker prints them: a heading, three spaces between, no spaces at the end.
 *
 * @param right  Numbers of the columns that are aligned at the right, for sizes.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const clean = rows.map((row) => row.map(harmless));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...clean.map((row) => (row[column] ?? "").length)),
  );
  return [headings, ...clean]
    .map((row) =>
      row
        .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
