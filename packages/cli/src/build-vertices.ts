import type { VerifyEvent } from "@ctr/engine";
import { formatPlatform } from "@ctr/oci";

/** One line of a build's display, in BuildKit's terms: a step, a pull, the export. */
export interface Vertex {
  /** From 1, in the order of their beginnings. */
  readonly number: number;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Of a step: the line in its file. */
  readonly line: number | undefined;
  ended: number | undefined;
  ending: "done" | "cached" | "failed" | "canceled" | undefined;
  error: string | undefined;
}

export type VertexEvent =
  | { readonly kind: "started"; readonly vertex: Vertex }
  | {
      readonly kind: "log";
      readonly vertex: Vertex;
      readonly stream: "stdout" | "stderr";
      readonly chunk: Uint8Array;
    }
  | { readonly kind: "status"; readonly vertex: Vertex; readonly status: Status }
  | { readonly kind: "ended"; readonly vertex: Vertex }
  | { readonly kind: "warning"; readonly message: string; readonly line: number | undefined };

/** Something that a vertex is doing or has done. */
export interface Status {
  readonly text: string;
  /** Bytes. */
  readonly bytes?: { readonly done: number; readonly total: number };
  readonly isDone: boolean;
}

type StepEvent<T extends VerifyEvent["type"]> = Extract<VerifyEvent, { readonly type: T }>;

/** Translates a build's events into what a display shows. */
export class BuildVertices {
  #count = 0;
  /** Running steps, by number; of several platforms one at a time. */
  readonly #steps = new Map<number, Vertex>();
  readonly #pulls = new Map<string, Vertex>();
  /** What is known of the number of steps to come, by stage. */
  readonly #totals = new Map<string, number>();
  #otherCount = 0;
  #export: Vertex | undefined;
  #verify: Vertex | undefined;
  #platform = "";

  /** Vertices that are known to come, begun or not. */
  get total(): number {
    return this.#otherCount + [...this.#totals.values()].reduce((sum, total) => sum + total, 0);
  }

  read(event: VerifyEvent): VertexEvent[] {
    switch (event.type) {
      case "platformStarted":
        this.#platform = `${formatPlatform(event.platform)} `;
        return [];
      case "stepStarted":
        return this.#stepStarted(event);
      case "stepOutput": {
        const vertex = this.#steps.get(event.step);
        return vertex === undefined ? [] : [{ kind: "log", vertex, stream: event.stream, chunk: event.chunk }];
      }
      case "stepFinished": {
        const vertex = this.#steps.get(event.step);
        this.#steps.delete(event.step);
        return vertex === undefined ? [] : [end(vertex, event.outcome.decision === "reused" ? "cached" : "done")];
      }
      case "warning":
        return [{ kind: "warning", message: event.message, line: event.line }];
      case "pullStarted": {
        const vertex = this.#begin(`[internal] load metadata for ${event.image}`);
        this.#pulls.set(event.image, vertex);
        return [{ kind: "started", vertex }];
      }
      case "pullProgress":
        return this.#pullProgress(event);
      case "pullFinished": {
        const vertex = this.#pulls.get(event.image)!;
        this.#pulls.delete(event.image);
        return [end(vertex, event.fetchedBytes === 0 ? "cached" : "done")];
      }
      case "cacheImported":
        return this.#done(`importing cache manifest from ${event.from}`, [`${event.steps} steps`]);
      case "exportStarted":
        this.#export = this.#begin("exporting to image");
        return [{ kind: "started", vertex: this.#export }];
      case "cacheExported":
        return this.#done(`exporting cache to ${event.to}`, [`${event.steps} steps`]);
      case "imageFinished":
      case "indexFinished":
        return this.#finished(event);
      case "verifyStarted": {
        this.#verify = this.#begin("building a second time to compare");
        return [{ kind: "started", vertex: this.#verify }];
      }
      case "verifyFinished": {
        const vertex = this.#verify!;
        this.#verify = undefined;
        const count = event.differences.length;
        const text = count === 0 ? "nothing differs" : `${count} difference${count === 1 ? "" : "s"}`;
        return [{ kind: "status", vertex, status: { text, isDone: true } }, end(vertex, "done")];
      }
      case "advice":
        return []; // for `--why`
    }
  }

  /** Everything that runs has ended: one has failed, and the others were stopped. */
  fail(line: number | undefined, error: string): VertexEvent[] {
    const others = [this.#export, this.#verify].filter((vertex) => vertex !== undefined);
    const running = [...this.#steps.values(), ...this.#pulls.values(), ...others];
    const failed = running.find((vertex) => vertex.line === line) ?? running.at(-1);
    this.#steps.clear();
    this.#pulls.clear();
    this.#export = undefined;
    if (failed !== undefined) failed.error = error;
    return running.map((vertex) => end(vertex, vertex === failed ? "failed" : "canceled"));
  }

  #stepStarted({ step, stage, shown, instruction, line }: StepEvent<"stepStarted">): VertexEvent[] {
    this.#totals.set(`${this.#platform}${stage}`, shown.total);
    if (shown.number === undefined) return [];
    const number = String(shown.number).padStart(String(shown.total).length);
    const prefix = `${this.#platform}${shown.stage === undefined ? "" : `${shown.stage} `}`;
    const name = `[${prefix}${number}/${shown.total}] ${instruction}`;
    const vertex = this.#make(name, line);
    this.#steps.set(step, vertex);
    return [{ kind: "started", vertex }];
  }

  #pullProgress({ image, layer, received, size }: StepEvent<"pullProgress">): VertexEvent[] {
    const vertex = this.#pulls.get(image);
    if (vertex === undefined) return [];
    const status = { text: layer, bytes: { done: received, total: size }, isDone: received >= size };
    return [{ kind: "status", vertex, status }];
  }

  #finished(event: StepEvent<"imageFinished" | "indexFinished">): VertexEvent[] {
    const vertex = this.#export;
    this.#export = undefined;
    if (vertex === undefined) return [];
    const what = event.type === "imageFinished" ? `writing image ${event.id}` : `writing index ${event.target.digest}`;
    const statuses = [what, ...event.names.map((name) => `naming to ${name}`)];
    return [
      ...statuses.map((text): VertexEvent => ({ kind: "status", vertex, status: { text, isDone: true } })),
      end(vertex, "done"),
    ];
  }

  /** Something that is over when it is heard of. */
  #done(name: string, statuses: readonly string[]): VertexEvent[] {
    const vertex = this.#begin(name);
    return [
      { kind: "started", vertex },
      ...statuses.map((text): VertexEvent => ({ kind: "status", vertex, status: { text, isDone: true } })),
      end(vertex, "done"),
    ];
  }

  #begin(name: string): Vertex {
    this.#otherCount++;
    return this.#make(name, undefined);
  }

  #make(name: string, line: number | undefined): Vertex {
    const number = ++this.#count;
    return { number, name, line, started: Date.now(), ended: undefined, ending: undefined, error: undefined };
  }
}

function end(vertex: Vertex, ending: Vertex["ending"]): VertexEvent {
  vertex.ended = Date.now();
  vertex.ending = ending;
  return { kind: "ended", vertex };
}
