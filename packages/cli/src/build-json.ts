import { createHash } from "node:crypto";
import type { Vertex, VertexEvent } from "./build-vertices.ts";
import type { Screen } from "./progress.ts";

/**
 * A build as BuildKit's status messages, one JSON object a line: `vertexes`, `statuses`, `logs` (base64) and
 * `warnings`.
 *
 * @see BuildKit, client/graph.go: SolveStatus
 */
export class JsonDisplay {
  readonly #screen: Screen;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(event: VertexEvent): void {
    this.#screen.write(`${JSON.stringify(messageOf(event))}\n`);
  }

  end(): void {}
}

function messageOf(event: VertexEvent): object {
  switch (event.kind) {
    case "started":
    case "ended":
      return { vertexes: [vertexOf(event.vertex)] };
    case "log": {
      const stream = event.stream === "stdout" ? 1 : 2;
      const data = Buffer.from(event.chunk).toString("base64");
      return { logs: [{ vertex: digestOf(event.vertex), stream, data, timestamp: time(Date.now()) }] };
    }
    case "status": {
      const { text, bytes, isDone } = event.status;
      const status = {
        id: text,
        vertex: digestOf(event.vertex),
        current: bytes?.done ?? 0,
        ...(bytes === undefined ? {} : { total: bytes.total }),
        timestamp: time(Date.now()),
        started: time(event.vertex.started),
        ...(isDone ? { completed: time(Date.now()) } : {}),
      };
      return { statuses: [status] };
    }
    case "warning": {
      const short = Buffer.from(event.message).toString("base64");
      const range =
        event.line === undefined ? {} : { range: [{ start: { line: event.line }, end: { line: event.line } }] };
      return { warnings: [{ level: 1, short, ...range }] };
    }
  }
}

function vertexOf(vertex: Vertex): object {
  const { name, started, ended, ending, error } = vertex;
  return {
    digest: digestOf(vertex),
    name,
    started: time(started),
    ...(ended === undefined ? {} : { completed: time(ended) }),
    ...(ending === "cached" ? { cached: true } : {}),
    ...(ending === "failed" ? { error: error ?? "" } : {}),
    ...(ending === "canceled" ? { error: "context canceled" } : {}),
  };
}

/** A name for a vertex that is the same in all of its messages. */
function digestOf({ number, name }: Vertex): string {
  return `sha256:${createHash("sha256").update(`${number} ${name}`).digest("hex")}`;
}

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();
