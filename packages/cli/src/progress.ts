import { harmless } from "./failure.ts";
import { showSize } from "./size.ts";

/** What of a terminal, or of what is in its place, progress needs. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** What a layer does at the moment. */
interface LayerState {
  readonly status: string;
  readonly bytes?: { readonly done: number; readonly total: number } | undefined;
  readonly isFinal: boolean;
}

/** Milliseconds between two drawings; more often is only flicker. */
const drawMillis = 100;

/**
 * One line for each layer of a transfer, in Docker's manner. On a terminal the lines are redrawn in place;
 * anywhere else a line is printed for each layer that is finished.
 */
export class LayerLines {
  readonly #screen: Screen;
  readonly #layers: Map<string, LayerState> = new Map();
  /** Lines on the screen that the next drawing replaces. */
  #drawn = 0;
  #lastDraw = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Something under way; shown on a terminal only. */
  show(id: string, status: string, bytes?: { readonly done: number; readonly total: number }): void {
    this.#layers.set(id, { status, bytes, isFinal: false });
    this.#drawSoon();
  }

  /** Something that has come to its end. */
  finish(id: string, status: string): void {
    if (this.#layers.get(id)?.status === status) return;
    this.#layers.set(id, { status, isFinal: true });
    if (this.#screen.isTTY === true) this.#drawSoon();
    else this.#screen.write(`${layerLine(id, { status }, undefined)}\n`);
  }

  /** Draw the last state of all, and leave it there. Again is fine. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#screen.isTTY === true && this.#layers.size > 0) this.#draw(Number.POSITIVE_INFINITY);
    this.#layers.clear();
    this.#drawn = 0;
  }

  #drawSoon(): void {
    if (this.#screen.isTTY !== true || this.#timer !== undefined) return;
    const wait = Math.max(this.#lastDraw + drawMillis - performance.now(), 0);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // The last row is the cursor's: a line more would scroll the first away, where no cursor reaches it.
      this.#draw((this.#screen.rows ?? 24) - 1);
    }, wait);
  }

  #draw(maxLines: number): void {
    this.#lastDraw = performance.now();
    const lines = visibleLayers(this.#layers, maxLines).map((line) =>
      typeof line === "string" ? line : layerLine(line.id, line, this.#screen.columns ?? 80),
    );
    // To the first line of the last drawing (CUU), then each line anew (EL 2); what is left below goes (ED).
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    this.#screen.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
    this.#drawn = lines.length;
  }
}

/** The layers that fit, in their order, and a line that counts the others. What moves is shown before what waits. */
function visibleLayers(
  layers: ReadonlyMap<string, LayerState>,
  maxLines: number,
): readonly (string | ({ readonly id: string } & LayerState))[] {
  const all = [...layers].map(([id, state]) => ({ id, ...state }));
  if (all.length <= maxLines) return all;
  const urgency = (it: LayerState): number => (it.bytes !== undefined ? 0 : it.isFinal ? 2 : 1);
  const shown = new Set(all.toSorted((a, b) => urgency(a) - urgency(b)).slice(0, Math.max(maxLines - 1, 0)));
  return [...all.filter((it) => shown.has(it)), `… and ${all.length - shown.size} more layers`];
}

const maxBar = 50;
const minBar = 10;

/**
 * `1f2e3d4c5b6a: Downloading [=====>     ]  12.3MB/30MB`, cut to the width of the terminal.
 *
 * @param columns  Undefined: as long as it gets.
 */
export function layerLine(id: string, o: Pick<LayerState, "status" | "bytes">, columns: number | undefined): string {
  const head = harmless(`${id}: ${o.status}`);
  // A line of the full width would wrap on some terminals, and be two.
  const width = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(columns - 1, 1);
  if (o.bytes === undefined) return head.slice(0, width);
  const { done, total } = o.bytes;
  // Of one width, so that the bars stand below each other.
  const amount = `${showSize(Math.min(done, total)).padStart(7)}/${showSize(total).padEnd(7)}`;
  const bar = Math.min(maxBar, width - head.length - amount.length - 4);
  return (bar < minBar ? `${head} ${amount.trim()}` : `${head} [${barOf(done, total, bar)}] ${amount}`).slice(0, width);
}

function barOf(done: number, total: number, width: number): string {
  const filled = total <= 0 ? width : Math.min(Math.floor((done / total) * width), width);
  return filled === width ? "=".repeat(width) : `${"=".repeat(filled)}>`.padEnd(width);
}
