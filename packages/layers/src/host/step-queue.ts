import { isKernelError, perform } from "@ctr/kernel";
import type { Reason, Step, StepBody } from "@ctr/plan";
import { LayerError } from "../layers-error.ts";

const mostSteps = 256;
const mostBytes = 4 << 20;

export interface StepQueueOptions {
  /** fd of the directory that the steps' paths begin at. */
  readonly directory: number;
  readonly because: Reason;
  /** Go on without an extended attribute that the file system does not have or the caller may not give. */
  readonly losesXattrs: boolean;
}

/** Steps on their way into a directory, performed many at a time. */
export class StepQueue {
  readonly #o: StepQueueOptions;
  #steps: Step[] = [];
  #bytes = 0;

  constructor(options: StepQueueOptions) {
    this.#o = options;
  }

  /** @throws {LayerError} `ERR_LAYERS_WRITE`, about this step or one before */
  add(body: StepBody): void {
    this.#steps.push({ ...body, because: this.#o.because });
    if (body.do === "makeFile" || body.do === "extendFile") this.#bytes += body.bytes.length;
    if (this.#steps.length >= mostSteps || this.#bytes >= mostBytes) this.flush();
  }

  /** Perform what is left. @throws {LayerError} `ERR_LAYERS_WRITE` */
  flush(): void {
    let steps = this.#steps;
    this.#steps = [];
    this.#bytes = 0;
    while (steps.length > 0) {
      try {
        perform(steps, { rootfs: this.#o.directory });
        return;
      } catch (error) {
        if (!isKernelError(error) || error.step === undefined) throw error;
        const { step, symbol } = error;
        if (!this.#o.losesXattrs || !isLossOfXattr(step, symbol))
          throw new LayerError({ code: "ERR_LAYERS_WRITE", message: messageOf(step, symbol), cause: error });
        steps = steps.slice(steps.indexOf(step) + 1);
      }
    }
  }
}

function isLossOfXattr(step: Step, symbol: string): boolean {
  return step.do === "setXattr" && ["EOPNOTSUPP", "EPERM", "EACCES"].includes(symbol);
}

function messageOf(step: Step, symbol: string): string {
  const path = "path" in step ? step.path : "";
  if (symbol === "EROFS") return `cannot write ${JSON.stringify(path)}: the file system is read-only`;
  if (symbol === "ENOTDIR") return `cannot write ${JSON.stringify(path)}: not a directory`;
  return `cannot write ${JSON.stringify(path)}: ${symbol} (${step.do})`;
}
