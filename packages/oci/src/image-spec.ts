import type { Digest } from "./digest.ts";

/** String to string, as `annotations` and `Labels` are; made without a prototype when it comes from a parser. */
export type StringMap = Readonly<Record<string, string>>;

/** A typed, sized, hashed pointer to a blob. @see image-spec descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: StringMap;
  /** The blob itself, base64. */
  readonly data?: string;
  readonly platform?: Platform;
  readonly artifactType?: string;
}

/** @see image-spec image-index.md, "platform" */
export interface Platform {
  /** GOARCH: `amd64`, `arm64`, `arm` … */
  readonly architecture: string;
  /** GOOS: `linux` … */
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  /** `v7` of an `arm`. */
  readonly variant?: string;
}

/** One image for one platform. @see image-spec manifest.md */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  /** Oldest first. */
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/** One image for many platforms, or just a list. @see image-spec image-index.md */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/** What an image runs and what it is made of. @see image-spec config.md */
export interface ImageConfig {
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
  readonly config?: ContainerDefaults;
  readonly rootfs: {
    readonly type: "layers";
    /** Digests of the unpacked layer archives, oldest first. */
    readonly diff_ids: readonly Digest[];
  };
  readonly history?: readonly History[];
  /** Docker only. */
  readonly docker_version?: string;
}

/** The `config` of an image: the options a container of it starts with when nobody says otherwise. */
export interface ContainerDefaults {
  readonly User?: string;
  /** Keys `80/tcp`, `53/udp`. */
  readonly ExposedPorts?: Readonly<Record<string, Readonly<Record<string, never>>>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  /** Keys are paths in the container. */
  readonly Volumes?: Readonly<Record<string, Readonly<Record<string, never>>>>;
  readonly WorkingDir?: string;
  readonly Labels?: StringMap;
  readonly StopSignal?: string;
  /** Windows only; kept so that it survives a rebuild. */
  readonly ArgsEscaped?: boolean;
  // Docker's extras, which no OCI document defines but every builder writes.
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  /** Seconds between the stop signal and SIGKILL. */
  readonly StopTimeout?: number;
}

/** Times are in nanoseconds; 0 means inherit. */
export interface Healthcheck {
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", command]`; empty means inherit. */
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface History {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** This step made no layer: it has no diff id. */
  readonly empty_layer?: boolean;
}

/** The marker file of an image layout. @see image-spec image-layout.md */
export interface ImageLayout {
  readonly imageLayoutVersion: "1.0.0";
}
