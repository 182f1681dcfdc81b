import { type BuildEvent, explainCause } from "@ctr/builder";
import { harmless } from "./failure.ts";
import { showSize } from "./size.ts";

/**
 * Show a build as it goes, on standard error. Stages run side by side, so every line says whose it is.
 *
 * @returns the id of the image
 */
export async function showBuild(events: AsyncIterable<BuildEvent>, o: { readonly quiet: boolean }): Promise<string> {
  const output = new StepOutput();
  let id = "";
  for await (const event of events) {
    if (event.type === "imageFinished") id = event.id;
    if (!o.quiet) process.stderr.write(output.show(event));
  }
  return id;
}

/** Turns events into text. */
class StepOutput {
  #digits = 1;
  /** What a step has written of a line that has not ended. */
  readonly #unended: Map<number, string> = new Map();

  show(event: BuildEvent): string {
    switch (event.type) {
      case "stepStarted":
        this.#digits = String(event.total).length;
        return `[${this.#number(event.step)}/${event.total}] ${harmless(event.instruction)}\n`;
      case "stepOutput":
        return this.#output(event.step, Buffer.from(event.chunk).toString("utf8"));
      case "stepFinished":
        return this.#output(event.step, this.#unended.get(event.step) ? "\n" : "") + this.#finished(event);
      case "warning":
        return `warning${event.line === undefined ? "" : `, line ${event.line}`}: ${harmless(event.message)}\n`;
      case "imageFinished":
        return `image ${event.id}\n${event.names.map((name) => `named ${name}\n`).join("")}`;
    }
  }

  #number(step: number): string {
    return String(step).padStart(this.#digits);
  }

  #output(step: number, text: string): string {
    const lines = ((this.#unended.get(step) ?? "") + text).split("\n");
    this.#unended.set(step, lines.pop() ?? "");
    return lines.map((line) => ` ${this.#number(step)}  ${harmless(line)}\n`).join("");
  }

  #finished(event: Finished): string {
    const text = showFinished(event);
    return text === "" ? "" : ` ${this.#number(event.step)}  ${text}\n`;
  }
}

type Finished = Extract<BuildEvent, { type: "stepFinished" }>;

/** `→ reused: layer 1f2e3d…, 12kB, 3 files`. Steps that change no files say nothing. */
function showFinished(event: Finished): string {
  const { outcome, layer } = event;
  const what =
    layer === undefined
      ? "no files changed"
      : `layer ${layer.diffId.slice(7, 19)}, ${showSize(layer.size)}, ${layer.files} ${layer.files === 1 ? "file" : "files"}`;
  if (outcome.decision === "metadata") return "";
  if (outcome.decision === "reused") return `→ reused: ${what}`;
  return `→ ran, as ${outcome.causes.map((cause) => harmless(explainCause(cause))).join("; ")}: ${what} (${Math.round(event.milliseconds)} ms)`;
}
