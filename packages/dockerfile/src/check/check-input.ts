import type { Trigger } from "../instructions/onbuild.ts";

/** What is known of an image that a stage begins with. */
export interface BaseImage {
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the image names a shell of its own. */
  readonly hasShell?: boolean;
  /** What ONBUILD left in it, read by `parseInstruction`. */
  readonly onBuild?: readonly Trigger[];
  /** `linux/arm64`; compared with the platform the build asks for. */
  readonly platform?: string;
}

export interface CheckInput {
  /** Values for ARGs, as `--build-arg` gives them. */
  readonly args?: Readonly<Record<string, string>>;
  /** The stage to build: only what it needs is looked at. Default: every stage. */
  readonly target?: string;
  /** The platform to build for. Default: `linux/amd64`. */
  readonly platform?: string;
  /** The platform that builds. Default: `platform`. */
  readonly buildPlatform?: string;
  /** What `parseIgnore` read; without it nothing is ignored. */
  readonly ignore?: readonly string[];
  /** Tells about an image. Without it, or where it knows nothing, the image is taken to set PATH and nothing else. */
  readonly baseImage?: (name: string) => BaseImage | undefined;
  /** Options that replace those of the file's `check` directive, as BUILDKIT_DOCKERFILE_CHECK does. */
  readonly options?: string;
}
