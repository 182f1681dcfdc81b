import type { VerifyEvent } from "@ctr/engine";
import { JsonDisplay } from "./build-json.ts";
import { PlainDisplay } from "./build-plain.ts";
import { TerminalDisplay } from "./build-terminal.ts";
import { BuildVertices, type VertexEvent } from "./build-vertices.ts";
import { Failure } from "./failure.ts";
import type { Screen } from "./progress.ts";

/** Shows a build. */
export interface BuildDisplay {
  show(event: VertexEvent, o: { readonly total: number }): void;
  /** What comes from now on is not shown. Again is fine. */
  end(o: { readonly failed: boolean }): void;
}

const progressKinds = ["auto", "plain", "tty", "rawjson", "quiet"] as const;

/** @throws {Failure} for what is no kind, or a terminal that is none */
export function openDisplay(kind: string, screen: Screen): BuildDisplay {
  switch (kind) {
    case "auto":
      return openDisplay(screen.isTTY === true ? "tty" : "plain", screen);
    case "plain":
      return new PlainDisplay(screen);
    case "rawjson":
      return new JsonDisplay(screen);
    case "quiet":
    case "none":
      return { show: () => undefined, end: () => undefined };
    case "tty":
      if (screen.isTTY !== true)
        throw new Failure("failed to get console: standard error is no terminal; use --progress=plain", 1);
      return new TerminalDisplay(screen);
    default:
      throw new Failure(`invalid progress type ${JSON.stringify(kind)}: ${progressKinds.join(", ")} are there`, 1);
  }
}

/** Show all events as they come. An error is shown with what it stopped, and thrown. */
export async function showEvents(
  events: AsyncIterable<VerifyEvent>,
  display: BuildDisplay,
  read: (event: VerifyEvent) => void,
): Promise<void> {
  const vertices = new BuildVertices();
  const show = (shown: readonly VertexEvent[]): void => {
    for (const event of shown) display.show(event, vertices);
  };
  try {
    for await (const event of events) {
      read(event);
      show(vertices.read(event));
    }
    display.end({ failed: false });
  } catch (error) {
    const { line, message } = error as { readonly line?: number; readonly message: string };
    show(vertices.fail(line, message));
    display.end({ failed: true });
    throw error;
  }
}
