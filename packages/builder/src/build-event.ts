import type { Descriptor, Digest, Platform } from "@ctr/oci";
import type { ArgAdvice } from "./arg-advice.ts";
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

/** A step as BuildKit counts: FROM and what can change files, stage by stage. */
export interface ShownStep {
  /** `build`, `stage-1` for one without a name, undefined when there is only one stage. */
  readonly stage: string | undefined;
  /** From 1; undefined for a step that only notes something. */
  readonly number: number | undefined;
  readonly total: number;
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
      /** What a display calls it: stages may have no name, and only steps that can make files count. */
      readonly shown: ShownStep;
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
  /** An image that the build needs is asked for on its registry. */
  | { readonly type: "pullStarted"; readonly image: string }
  | {
      readonly type: "pullProgress";
      readonly image: string;
      readonly layer: Digest;
      /** Bytes, of `size`. */
      readonly received: number;
      readonly size: number;
    }
  | {
      readonly type: "pullFinished";
      readonly image: string;
      readonly digest: string;
      /** 0: it was here, and is still the newest. */
      readonly fetchedBytes: number;
      readonly milliseconds: number;
    }
  /** An ARG stands above steps that do not need it, and has a value that changes. */
  | { readonly type: "advice"; readonly advice: ArgAdvice }
  /** The steps are done; layers are packed, and the documents written. */
  | { readonly type: "exportStarted" }
  | { readonly type: "cacheImported"; readonly from: string; readonly steps: number }
  | { readonly type: "cacheExported"; readonly to: string; readonly steps: number; readonly milliseconds: number }
  | { readonly type: "warning"; readonly message: string; readonly line: number | undefined }
  | {
      readonly type: "imageFinished";
      /** Digest of the image config: what Docker calls the image's id. */
      readonly id: Digest;
      readonly manifest: Digest;
      /** Of the manifest. */
      readonly target: Descriptor;
      readonly platform: Platform;
      /** Of the topmost layer; undefined for an image without files. */
      readonly chainId: Digest | undefined;
      /** In full. */
      readonly names: readonly string[];
    };
