/** A path on one line: a name may hold a line feed or a tab. Escape sequences are the table's business. */
export function showPath(path: string): string {
  return path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/**
 * The command behind a layer on one line: without the shell that Docker's builders write in front of it,
 * cut to `width`.
 */
export function showCommand(command: string | undefined, width: number): string {
  if (command === undefined) return "";
  const text = command
    .slice(0, 10_000)
    .replace(/\s+/g, " ")
    .replace(/^(RUN )?\/bin\/sh -c (#\(nop\) )?/, (_, run: string | undefined, nop: string | undefined) =>
      nop === undefined ? "RUN " : (run ?? ""),
    )
    .replace(/ # buildkit$/, "")
    .trim();
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
