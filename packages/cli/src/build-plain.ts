import type { Status, Vertex, VertexEvent } from "./build-vertices.ts";
import { harmless } from "./failure.ts";
import { OutputLines } from "./output-lines.ts";
import type { Screen } from "./progress.ts";
import { showSize } from "./size.ts";

//  #3 [2/4] RUN make
//  #3 0.412 cc -c a.c
//  #3 DONE 1.3s

/** A build as text that only grows: for files, and for programs that read it. Every line says whose it is. */
export class PlainDisplay {
  readonly #screen: Screen;
  readonly #output = new Map<number, OutputLines>();
  /** The vertex of the last line: another one's are set apart. */
  #last: number | undefined;
  readonly #tails = new Map<number, string[]>();
  #over = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(event: VertexEvent): void {
    if (this.#over) return;
    if (event.kind === "warning") {
      this.#write(`WARNING: ${event.line === undefined ? "" : `line ${event.line}: `}${harmless(event.message)}\n`);
      this.#last = undefined;
      return;
    }
    const { vertex } = event;
    switch (event.kind) {
      case "started":
        this.#of(vertex, []);
        return;
      case "log": {
        const output = this.#output.get(vertex.number) ?? new OutputLines();
        this.#output.set(vertex.number, output);
        this.#log(vertex, output.add(event.chunk));
        return;
      }
      case "status":
        if (event.status.isDone) this.#of(vertex, [`${showStatus(event.status)} done`]);
        return;
      case "ended":
        this.#log(vertex, this.#output.get(vertex.number)?.end() ?? []);
        this.#of(vertex, [endingOf(vertex)]);
        this.#write("\n");
        this.#last = undefined;
        if (vertex.ending === "failed") this.#write(failureBlock(vertex, this.#tails.get(vertex.number) ?? []));
    }
  }

  end(): void {
    this.#over = true;
  }

  #log(vertex: Vertex, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const seconds = ((Date.now() - vertex.started) / 1000).toFixed(3);
    const shown = lines.map((line) => `${seconds} ${line}`);
    this.#of(vertex, shown);
    this.#tails.set(vertex.number, [...(this.#tails.get(vertex.number) ?? []), ...shown].slice(-tailLines));
  }

  #of(vertex: Vertex, lines: readonly string[]): void {
    const { number } = vertex;
    const head = this.#last === number ? [] : [harmless(oneLine(vertex.name))];
    if (this.#last !== undefined && this.#last !== number) this.#write("\n");
    this.#last = number;
    this.#write([...head, ...lines].map((line) => `#${number} ${line}\n`).join(""));
  }

  #write(text: string): void {
    if (text !== "") this.#screen.write(text);
  }
}

const tailLines = 10;

/** `1.2s`. */
export function showSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`;
}

/** A vertex has one line, whatever its instruction has. */
export const oneLine = (name: string): string => name.replace(/\s*\n\s*/g, " ").replaceAll("\t", " ");

export function showStatus({ text, bytes }: Status): string {
  const amount = bytes === undefined ? "" : ` ${showSize(bytes.done)} / ${showSize(bytes.total)}`;
  return `${harmless(text)}${amount}`;
}

function endingOf(vertex: Vertex): string {
  switch (vertex.ending) {
    case "cached":
      return "CACHED";
    case "canceled":
      return "CANCELED";
    case "failed":
      return `ERROR: ${harmless(vertex.error ?? "")}`;
    default:
      return `DONE ${showSeconds((vertex.ended ?? Date.now()) - vertex.started)}`;
  }
}

/** What failed and its last words, once more at the end where people look. */
export function failureBlock(vertex: Vertex, tail: readonly string[]): string {
  return ["------", ` > ${harmless(oneLine(vertex.name))}:`, ...tail, "------", ""].join("\n");
}
