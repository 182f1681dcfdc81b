/** One line of comma-separated fields (RFC 4180), or `undefined` when its quotes do not add up. */
export function csvFields(line: string): string[] | undefined {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      const field = quotedField(line, at + 1);
      if (field === undefined) return undefined;
      fields.push(field.text);
      at = field.end;
      if (at < line.length && line[at] !== ",") return undefined;
    } else {
      const comma = line.indexOf(",", at);
      const end = comma === -1 ? line.length : comma;
      const field = line.slice(at, end);
      if (field.includes('"')) return undefined;
      fields.push(field);
      at = end;
    }
    if (at >= line.length) return fields;
    at++;
  }
}

function quotedField(line: string, start: number): { text: string; end: number } | undefined {
  const parts: string[] = [];
  for (let at = start; ; ) {
    const quote = line.indexOf('"', at);
    if (quote === -1) return undefined;
    parts.push(line.slice(at, quote));
    if (line[quote + 1] !== '"') return { text: parts.join(""), end: quote + 1 };
    parts.push('"');
    at = quote + 2;
  }
}
