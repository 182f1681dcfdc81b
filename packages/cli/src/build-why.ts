import { type Cause, explainAdvice, explainCause } from "@ctr/builder";
import type { VerifyEvent } from "@ctr/engine";
import { formatPlatform } from "@ctr/oci";
import { harmless } from "./failure.ts";

/** Collects why each step ran or did not, for `--why`. */
export class WhyReport {
  readonly #started = new Map<number, number>();
  readonly #steps: { readonly step: number; readonly text: string }[] = [];
  readonly #advice = new Set<string>();
  #text = "";

  read(event: VerifyEvent): void {
    if (event.type === "platformStarted") {
      this.#endPart();
      this.#text += `${formatPlatform(event.platform)}\n`;
    }
    if (event.type === "stepStarted") this.#started.set(event.step, event.line);
    if (event.type === "advice") this.#advice.add(explainAdvice(event.advice));
    if (event.type !== "stepFinished" || event.outcome.decision === "metadata") return;
    const { step, outcome } = event;
    const what = outcome.decision === "reused" ? "reused" : `ran: ${showCauses(outcome.causes)}`;
    this.#steps.push({ step, text: `step ${step} (line ${this.#started.get(step)}) ${what}` });
  }

  /** One line for each step that can make files, and the advice. */
  text(): string {
    this.#endPart();
    return this.#text;
  }

  #endPart(): void {
    const lines = this.#steps.sort((a, b) => a.step - b.step).map(({ text }) => text);
    this.#text += [...lines, ...this.#advice].map((line) => `${harmless(line)}\n`).join("");
    this.#steps.length = 0;
    this.#advice.clear();
  }
}

/** Of many files the first ones; their number tells the rest. */
const mostFiles = 10;

function showCauses(causes: readonly Cause[]): string {
  const files = causes.filter(({ kind }) => kind === "file");
  const hidden = new Set(files.slice(mostFiles));
  const shown = causes.filter((cause) => !hidden.has(cause)).map(explainCause);
  if (hidden.size > 0) shown.splice(mostFiles, 0, `${hidden.size} more files`);
  return shown.join("; ");
}
