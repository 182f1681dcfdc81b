/** A fenced block of a Markdown page. */
export interface Block {
  /** What stands behind the opening fence: `ts`, `ts fragment`, `sh`, or nothing. */
  readonly mark: string;
  readonly text: string;
  /** The line of its opening fence, from 1. */
  readonly line: number;
}

/** The fenced blocks of a page in order. Indented fences and longer fences count as CommonMark has them. */
export function blocks(page: string): Block[] {
  const found: Block[] = [];
  let open: { fence: string; mark: string; line: number; lines: string[] } | undefined;
  page.split("\n").forEach((line, index) => {
    const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
    if (open === undefined) {
      if (fence !== null) open = { fence: fence[1]!, mark: fence[2]!.trim(), line: index + 1, lines: [] };
    } else if (fence?.[1]?.startsWith(open.fence) && fence[2]!.trim() === "") {
      found.push({ mark: open.mark, text: open.lines.map((it) => `${it}\n`).join(""), line: open.line });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  });
  return found;
}

export function firstBlock(page: string, mark: string): string | undefined {
  return blocks(page).find((it) => it.mark === mark)?.text;
}
