import type { ContainerDefaults, Digest, History, ImageConfig, Platform } from "@ctr/oci";
import { imageVariables, type Variable } from "../variables.ts";
import type { ImageLayer } from "./base-image.ts";
import type { PlannedStage } from "./build-plan.ts";

/** What a stage is after some of its steps: an image that was not given its documents yet. */
export interface StageState {
  readonly config: ContainerDefaults;
  readonly author: string | undefined;
  readonly env: readonly Variable[];
  /** Oldest first. */
  readonly layers: readonly ImageLayer[];
  readonly history: readonly History[];
  /** RFC 3339: when the newest layer was made. */
  readonly created: string | undefined;
  readonly platform: Platform;
  /** What all of it began with. */
  readonly base: { readonly name: string; readonly id: Digest } | undefined;
  /** Number of the newest step below that ran and changed files. */
  readonly ranBelow: number | undefined;
  /** Number of the newest step below that ran and changed none. */
  readonly ranEmpty: number | undefined;
  /** Lines that the settings of the user, the directory and the shell come from. */
  readonly lines: Readonly<Partial<Record<"USER" | "WORKDIR" | "SHELL", number>>>;
}

const defaultPath: Variable = {
  name: "PATH",
  value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  from: "ENV",
  line: undefined,
};

/** The state that FROM leaves. Triggers that the base kept for its children are done now, and gone. */
export function initialState(stage: PlannedStage, below: StageState | undefined): StageState {
  const { base, platform } = stage;
  if (below !== undefined) {
    const { OnBuild: _, ...config } = below.config;
    return { ...below, config };
  }
  if (base.kind !== "image") {
    const env = [defaultPath];
    const nothing = { author: undefined, layers: [], history: [], created: undefined, base: undefined };
    return {
      ...nothing,
      config: { Env: linesOf(env), WorkingDir: "/" },
      env,
      platform,
      ranBelow: undefined,
      ranEmpty: undefined,
      lines: {},
    };
  }
  const { image } = base;
  const { OnBuild: _, ...config } = image.config.config ?? {};
  const own = imageVariables(config.Env ?? []);
  const env = own.some(({ name }) => name === "PATH") ? own : [...own, defaultPath];
  return {
    config: { ...config, Env: linesOf(env) },
    author: image.config.author,
    env,
    layers: image.layers,
    history: image.config.history ?? imageHistory(image.config),
    created: image.config.created,
    platform: platformOf(image.config),
    base: { name: image.name, id: image.id },
    ranBelow: undefined,
    ranEmpty: undefined,
    lines: {},
  };
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

// An image without history: as many entries as it has layers, since every layer needs its own.
const imageHistory = (config: ImageConfig): History[] => config.rootfs.diff_ids.map(() => ({}));

export const linesOf = (env: readonly Variable[]): string[] => env.map(({ name, value }) => `${name}=${value}`);

/** Chain id of the files, undefined for none. */
export function chainOfState(state: StageState): Digest | undefined {
  return state.layers.at(-1)?.chainId;
}

/** The state after an instruction that changed no file. */
export function withHistory(state: StageState, text: string): StageState {
  const entry = { ...stamp(state.created), created_by: text, comment, empty_layer: true };
  return { ...state, history: [...state.history, entry] };
}

/** The state after an instruction that made a layer. */
export function withLayer(state: StageState, text: string, layer: ImageLayer, created: string): StageState {
  const entry = { created, created_by: text, comment };
  return { ...state, layers: [...state.layers, layer], history: [...state.history, entry], created };
}

const comment = "ctr build";
const stamp = (created: string | undefined): { readonly created?: string } =>
  created === undefined ? {} : { created };
