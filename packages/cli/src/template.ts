import { Failure } from "./failure.ts";

/**
 * Fill a Go template of the kind people give to `--format`: text with `{{.Field.Path}}`, `{{json .Path}}`,
 * `{{index .Map "key"}}` and `{{println .Path}}`.
 *
 * @throws {Failure} for a field that is not there, or a part of the language that is not done
 * @see https://docs.docker.com/engine/cli/formatting/
 */
export function fillTemplate(template: string, document: unknown): string {
  const text = readEscapes(template);
  let result = "";
  let at = 0;
  for (const match of text.matchAll(/\{\{-?\s*([^{}]*?)\s*-?\}\}/g)) {
    result += text.slice(at, match.index) + evaluate(match[1]!, document);
    at = match.index + match[0].length;
  }
  return result + text.slice(at);
}

/** Docker takes \t and \n in a format for what they look like. */
const readEscapes = (text: string): string => text.replaceAll("\\t", "\t").replaceAll("\\n", "\n");

function evaluate(expression: string, document: unknown): string {
  const words = expression.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const [first = "", ...rest] = words;
  if (first.startsWith(".") && rest.length === 0) return show(valueAt(first, document));
  if (first === "json" && rest.length === 1) return JSON.stringify(valueAt(rest[0]!, document));
  if (first === "println" && rest.length === 1) return `${show(valueAt(rest[0]!, document))}\n`;
  if (first === "index" && rest.length >= 2) {
    const found = rest
      .slice(1)
      .reduce((value, key) => step(value, literal(key), expression), valueAt(rest[0]!, document));
    return show(found);
  }
  throw new Failure(
    `template: {{${expression}}} is not understood: fields ({{.State.Pid}}), json, index and println are`,
    64,
  );
}

/** A text in quotes or a whole number. */
function literal(text: string): string | number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {
    // Go knows more escapes than JSON; nobody's label needs them.
  }
  throw new Failure(`template: ${text} is no key: write "name" or a number`, 64);
}

function valueAt(path: string, document: unknown): unknown {
  if (!path.startsWith(".")) throw new Failure(`template: ${JSON.stringify(path)} is no field: write .Name`, 64);
  if (path === ".") return document;
  return path
    .slice(1)
    .split(".")
    .reduce((value, key) => step(value, key, path), document);
}

function step(value: unknown, key: string | number, path: string): unknown {
  if (typeof value === "object" && value !== null && Object.hasOwn(value, key))
    return (value as Record<string, unknown>)[key];
  throw new Failure(`template: ${path}: there is no ${JSON.stringify(key)}`, 64);
}

function show(value: unknown): string {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value === "object")
    return `map[${Object.entries(value)
      .map(([key, inner]) => `${key}:${show(inner)}`)
      .join(" ")}]`;
  return String(value);
}

/** Rows of a list by `--format`: a template for each, `json`, or a template after `table`. */
export function formatRows(
  format: string,
  rows: readonly Readonly<Record<string, unknown>>[],
  makeTable: (headings: string[], cells: string[][]) => string,
): string {
  if (format === "json") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (!format.startsWith("table ")) return rows.map((row) => `${fillTemplate(format, row)}\n`).join("");
  const columns = readEscapes(format.slice("table ".length)).split("\t");
  const headings = columns.map((column) =>
    column.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (_, name: string) =>
      name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toUpperCase(),
    ),
  );
  return makeTable(
    headings,
    rows.map((row) => columns.map((column) => fillTemplate(column, row))),
  );
}
