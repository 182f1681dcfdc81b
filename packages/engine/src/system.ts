import type { BlobChoice, Checked, Dropped, Finding } from "@ctr/image-store";
import type { Context } from "./context.ts";
import { type CheckRequest, checkSystem } from "./system-check.ts";
import { type Pruned, type PruneRequest, pruneSystem } from "./system-prune.ts";
import { type SystemUsage, systemUsage } from "./system-usage.ts";

/** A state directory as a whole. */
export class System {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** @see {@link systemUsage} */
  usage(): Promise<SystemUsage> {
    return systemUsage(this.#context);
  }

  /** @see {@link checkSystem} */
  check(o?: CheckRequest): AsyncGenerator<Finding, Checked, undefined> {
    return checkSystem(this.#context, o);
  }

  /** Whether blobs are kept that can be made again from their layers. */
  get blobChoice(): BlobChoice {
    return this.#context.store.blobChoice;
  }

  /** @see {@link ImageStore.chooseBlobs} */
  chooseBlobs(choice: BlobChoice): Promise<Dropped> {
    return this.#context.store.chooseBlobs(choice);
  }

  /** @see {@link pruneSystem} */
  prune(o?: PruneRequest): Promise<Pruned> {
    return pruneSystem(this.#context, o);
  }
}
