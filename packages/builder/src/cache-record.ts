import type { Digest } from "@ctr/oci";
import type { StepParts } from "./step-parts.ts";

/** What a step made. */
export interface StepResult {
  /** RFC 3339; an image that is made of reused steps only is the same image again. */
  readonly created: string;
  /** Absent when no file changed. */
  readonly layer?: {
    readonly diffId: Digest;
    readonly chainId: Digest;
    readonly size: number;
    readonly files: number;
    /** The times in the archive were cut at it. */
    readonly sourceDateEpoch?: number;
  };
}

/** One step as a build did it or found it done: all that a cache needs to know. */
export interface CacheRecord {
  readonly stage: string;
  /** From 0, in its stage. */
  readonly ordinal: number;
  /** Digest of `parts`, in hexadecimal. */
  readonly key: string;
  readonly parts: StepParts;
  readonly result: StepResult;
  /** The stage's layers are the image's. */
  readonly isKept: boolean;
}
