import { type BuildEvent, explainCause } from "@ctr/builder";
import { harmless } from "./failure.ts";
import { showSize } from "./size.ts";

/**
 * Show a build as it goes, on standard error.
 *
 * @param o.live  a terminal is there: the running step's last line of output is shown under it
 * @returns the id of the image
 */
export async function showBuild(
  events: AsyncIterable<BuildEvent>,
  o: { readonly quiet: boolean; readonly live: boolean },
): Promise<string> {
  let id = "";
  const write = (text: string): void => {
    if (!o.quiet) process.stderr.write(text);
  };
  let line = "";
  for await (const event of events) {
    switch (event.type) {
      case "stepStarted": {
        const width = String(event.total).length;
        write(`[${String(event.step).padStart(width)}/${event.total}] ${harmless(event.instruction)}\n`);
        break;
      }
      case "stepOutput": {
        const lines = (line + Buffer.from(event.chunk).toString("utf8")).split("\n");
        line = lines.pop()!;
        for (const whole of lines) write(`    ${harmless(whole)}\n`);
        break;
      }
      case "stepFinished":
        if (line !== "") write(`    ${harmless(line)}\n`);
        line = "";
        write(showFinished(event));
        break;
      case "warning":
        write(`warning${event.line === undefined ? "" : `, line ${event.line}`}: ${harmless(event.message)}\n`);
        break;
      case "imageFinished":
        id = event.id;
        write(`image ${event.id}\n${event.names.map((name) => `named ${name}\n`).join("")}`);
        break;
    }
  }
  return id;
}

type Finished = Extract<BuildEvent, { type: "stepFinished" }>;

/** `  → reused: layer 1f2e3d…, 12kB, 3 files`. Steps that change no files say nothing. */
function showFinished(event: Finished): string {
  const { outcome, layer } = event;
  const what =
    layer === undefined
      ? "no files changed"
      : `layer ${layer.diffId.slice(7, 19)}, ${showSize(layer.size)}, ${layer.files} ${layer.files === 1 ? "file" : "files"}`;
  if (outcome.decision === "metadata") return "";
  if (outcome.decision === "reused") return `  → reused: ${what}\n`;
  return `  → ran, as ${outcome.causes.map((cause) => harmless(explainCause(cause))).join("; ")}: ${what} (${Math.round(event.milliseconds)} ms)\n`;
}
