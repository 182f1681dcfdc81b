import { failureBlock, oneLine, showSeconds, showStatus } from "./build-plain.ts";
import type { Status, Vertex, VertexEvent } from "./build-vertices.ts";
import { cellWidth, cutToWidth } from "./cell-width.ts";
import { harmless } from "./failure.ts";
import { OutputLines } from "./output-lines.ts";
import type { Screen } from "./progress.ts";

//  [+] Building 3.2s (4/7)
//   => CACHED [2/4] WORKDIR /app                      0.0s     blue: done
//   => [3/4] RUN make                                 2.9s
//   => => # cc -c a.c                                          the last lines of what runs
//
//  All of it is drawn anew in place. The last drawing stays, whole.

/** Milliseconds between two drawings; more often is only flicker. */
const drawMillis = 100;
/** Lines of output below a step that runs. */
const outputLines = 6;
const tailLines = 20;

interface Shown {
  readonly vertex: Vertex;
  readonly output: OutputLines;
  /** The last lines. */
  readonly lines: string[];
  readonly statuses: Map<string, Status>;
}

/** A build on a terminal: steps that run with their last lines, times, what was cached. */
export class TerminalDisplay {
  readonly #screen: Screen;
  readonly #shown = new Map<number, Shown>();
  readonly #warnings: string[] = [];
  readonly #started = Date.now();
  readonly #colored = (process.env.NO_COLOR ?? "") === "";
  #total = 0;
  /** Lines on the screen that the next drawing replaces. */
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(screen: Screen) {
    this.#screen = screen;
    // The times go on also when nothing happens.
    this.#timer = setInterval(() => this.#draw(), drawMillis);
    this.#timer.unref();
    this.#screen.write("\u001b[?25l"); // DECTCEM: a cursor that jumps about would be all that one sees
    process.once("exit", this.#showCursor);
  }

  readonly #showCursor = (): void => void this.#screen.write("\u001b[?25h");

  show(event: VertexEvent, o: { readonly total: number }): void {
    this.#total = o.total;
    if (event.kind === "warning") {
      const where = event.line === undefined ? "" : ` (line ${event.line})`;
      this.#warnings.push(`${harmless(oneLine(event.message))}${where}`);
      return;
    }
    const { vertex } = event;
    const shown = this.#shown.get(vertex.number) ?? newShown(vertex);
    this.#shown.set(vertex.number, shown);
    if (event.kind === "log") addLines(shown, shown.output.add(event.chunk));
    if (event.kind === "status") shown.statuses.set(event.status.text, event.status);
    if (event.kind === "ended") addLines(shown, shown.output.end());
  }

  /** Draw the last state of all, and leave it there. */
  end(o: { readonly failed: boolean }): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    this.#draw();
    const count = this.#warnings.length;
    const warnings =
      count === 0
        ? ""
        : `\n${count} warning${count === 1 ? "" : "s"} found:\n${this.#warnings.map((it) => ` - ${it}\n`).join("")}`;
    const failed = o.failed ? [...this.#shown.values()].find(({ vertex }) => vertex.ending === "failed") : undefined;
    const block = failed === undefined ? "" : failureBlock(failed.vertex, failed.lines);
    this.#screen.write(block + warnings);
    this.#showCursor();
    process.off("exit", this.#showCursor);
  }

  #draw(): void {
    const rows = this.#over ? Number.POSITIVE_INFINITY : (this.#screen.rows ?? 24) - 1;
    const columns = (this.#screen.columns ?? 80) - 1; // a full line would wrap on some terminals, and be two
    const lines = this.#lines(rows, columns);
    // To the first line of the last drawing (CUU), then each line anew (EL 2); what is left below goes (ED).
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    this.#screen.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
    this.#drawn = lines.length;
  }

  #lines(rows: number, columns: number): string[] {
    const all = [...this.#shown.values()];
    const done = all.filter(({ vertex }) => vertex.ending !== undefined).length;
    const time = showSeconds(Date.now() - this.#started);
    const head = `[+] Building ${time} (${done}/${Math.max(this.#total, all.length)})${this.#over ? " FINISHED" : ""}`;
    const visible = visibleVertices(all, rows - 1);
    let free = rows - 1 - visible.length;
    const lines = [cutToWidth(head, columns)];
    for (const shown of visible) {
      lines.push(this.#vertexLine(shown.vertex, columns));
      const below = this.#below(shown, columns).slice(-Math.max(free, 0));
      if (free <= 0) continue;
      free -= below.length;
      lines.push(...below);
    }
    return lines;
  }

  #vertexLine(vertex: Vertex, columns: number): string {
    const words = { cached: "CACHED ", failed: "ERROR ", canceled: "CANCELED ", done: "" };
    const time = showSeconds((vertex.ended ?? Date.now()) - vertex.started);
    const text = cutToWidth(
      ` => ${vertex.ending === undefined ? "" : words[vertex.ending]}${harmless(oneLine(vertex.name))}`,
      columns - time.length - 1,
    );
    const line = `${text}${" ".repeat(Math.max(columns - cellWidth(text) - time.length, 1))}${time}`;
    return this.#paint(line, vertex.ending);
  }

  /** Below a vertex: what it fetches or wrote, and the last lines of a command that runs. */
  #below({ vertex, statuses, lines, output }: Shown, columns: number): string[] {
    const shownStatuses = [...statuses.values()].map((status) => {
      const text = cutToWidth(` => => ${showStatus(status)}`, columns);
      return this.#paint(text, status.isDone ? "done" : undefined);
    });
    if (vertex.ending !== undefined) return shownStatuses;
    const now = output.unended === "" ? lines : [...lines, output.unended];
    return [...shownStatuses, ...now.slice(-outputLines).map((line) => cutToWidth(` => => # ${line}`, columns))];
  }

  #paint(line: string, ending: Vertex["ending"]): string {
    const color = ending === "failed" ? 31 : ending === "canceled" ? 33 : ending === undefined ? undefined : 34;
    return color === undefined || !this.#colored ? line : `\u001b[${color}m${line}\u001b[0m`;
  }
}

const newShown = (vertex: Vertex): Shown => ({ vertex, output: new OutputLines(), lines: [], statuses: new Map() });

function addLines({ lines }: Shown, more: readonly string[]): void {
  for (const line of more.slice(-tailLines)) lines.push(line);
  lines.splice(0, lines.length - tailLines);
}

/** Those that fit, in their order: what runs before what is over, and of that the newest. */
function visibleVertices(all: readonly Shown[], most: number): readonly Shown[] {
  if (all.length <= most) return all;
  const running = all.filter(({ vertex }) => vertex.ending === undefined).slice(-most);
  const over = all.filter(({ vertex }) => vertex.ending !== undefined);
  const left = Math.max(most - running.length, 0);
  const shown = new Set([...running, ...(left === 0 ? [] : over.slice(-left))]);
  return all.filter((one) => shown.has(one));
}
