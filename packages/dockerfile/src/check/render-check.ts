import { printable } from "../dockerfile-error.ts";
import type { Range } from "../position.ts";
import type { Dockerfile } from "../tree.ts";
import type { CheckReport } from "./check.ts";

const rule = "--------------------";

/**
 * A report as `docker build --check` prints it on standard output. Its exit status is 1 when there is a warning
 * or an error, else 0.
 */
export function renderCheck(report: CheckReport, file: Dockerfile): string {
  const { warnings, error } = report;
  const found = warnings.length === 1 ? "1 warning has been found!" : `${warnings.length} warnings have been found!`;
  const head = warnings.length > 0 ? [`Check complete, ${found}`] : [];
  const sorted = warnings.toSorted((a, b) => a.range.start.line - b.range.start.line);
  const blocks = sorted.map(({ rule: name, url, detail, range }) => {
    const title = url === undefined ? name : `${name} - ${url}`;
    return `\nWARNING: ${title}\n${printable(detail)}\n${excerpt(range, file)}`;
  });
  if (error === undefined)
    return [...head, ...blocks, ...(warnings.length > 0 ? [] : ["Check complete, no warnings found."]), ""].join("\n");
  return [...head, ...blocks, ...(warnings.length > 0 ? [""] : []), ""].join("\n");
}

/** The error of a report, which goes to standard error. */
export function renderCheckError(report: CheckReport, file: Dockerfile): string | undefined {
  const { error } = report;
  if (error === undefined) return undefined;
  const place = error.range === undefined ? "" : `\n${excerpt(error.range, file)}`;
  return `${printable(error.message)}${place}`;
}

/** The instruction with lines around it, and a mark before each of its own. */
function excerpt(range: Range, file: Dockerfile): string {
  const lines = file.text.split("\n");
  const first = range.start.line;
  const last = Math.max(first, lastLine(range, file));
  let [start, end] = [first, last];
  // BuildKit's arithmetic: it stops when enough lines were added, counting each round as one more.
  for (let added = 0, wanted = first === last ? 4 : 2; added < wanted; added++) {
    if (start > 1) [start, added] = [start - 1, added + 1];
    if (end < lines.length) [end, added] = [end + 1, added + 1];
  }
  const shown = lines.slice(start - 1, end).map((line, index) => {
    const number = start + index;
    const mark = first <= number && number <= last ? ">>>" : "   ";
    return ` ${String(number).padStart(3)} | ${mark} ${printable(line.replace(/\r$/, ""))}`;
  });
  return [`${printable(file.file)}:${first}`, rule, ...shown, rule].join("\n");
}

/** The line in which the node of an instruction ends, heredocs and continuations with it. */
function lastLine(range: Range, file: Dockerfile): number {
  if (range.start.line === range.end.line && range.start.column > 1) return range.start.line; // a part of one
  const node = file.nodes.find((one) => one.range.end.offset > range.start.offset);
  const end = node?.range.end ?? range.end;
  return end.column === 1 ? end.line - 1 : end.line;
}
