import type { Digest } from "@ctr/oci";
import type { Cause } from "./cause.ts";

/** A layer that a step made. */
export interface BuiltLayer {
  readonly diffId: Digest;
  /** Names the layer together with all below it; its directory is in the store under this. */
  readonly chainId: Digest;
  /** Of the compressed archive. Only layers of the image that is built get one. */
  readonly digest: Digest | undefined;
  /** Bytes of the archive without compression. */
  readonly size: number;
  /** Names in the layer: files, directories, removals. */
  readonly files: number;
}

/** What became of a step. */
export type StepOutcome =
  /** An earlier build has done the same on the same files. */
  | { readonly decision: "reused" }
  /** Most telling cause first; never empty. */
  | { readonly decision: "ran"; readonly causes: readonly Cause[] }
  /** The step changes no files. */
  | { readonly decision: "metadata" };

export type BuildEvent =
  | {
      readonly type: "stepStarted";
      /** From 1, counted over all stages that are needed, in the order of the file. */
      readonly step: number;
      readonly total: number;
      /** Name of the stage, else its number. */
      readonly stage: string;
      readonly line: number;
      /** As written, continuation lines joined. */
      readonly instruction: string;
    }
  | {
      readonly type: "stepOutput";
      readonly step: number;
      readonly stream: "stdout" | "stderr";
      readonly chunk: Uint8Array;
    }
  | {
      readonly type: "stepFinished";
      readonly step: number;
      readonly outcome: StepOutcome;
      /** Absent when the step changed no file. */
      readonly layer: BuiltLayer | undefined;
      readonly milliseconds: number;
    }
  | { readonly type: "warning"; readonly message: string; readonly line: number | undefined }
  | {
      readonly type: "imageFinished";
      /** Digest of the image config: what Docker calls the image's id. */
      readonly id: Digest;
      readonly manifest: Digest;
      /** In full. */
      readonly names: readonly string[];
    };
