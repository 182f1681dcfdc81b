import { lstatSync } from "node:fs";
import type { TarEntry } from "@ctr/layers";
import type { ContainerDefaults } from "@ctr/oci";
import { addBaseFiles, searchPath as defaultSearchPath } from "../base-files.ts";
import { ImageTree } from "../image-tree.ts";
import { assembleImage, type HostImage } from "./assemble-image.ts";
import { FileCollector } from "./collect-files.ts";
import { type ResolvedProgram, resolveProgram } from "./resolve-program.ts";

export interface HostImageOptions {
  /** Absolute paths, or names looked up in `searchPath`. */
  readonly programs: readonly string[];
  /** Absolute paths of files and directories that come along as they are. */
  readonly data?: readonly string[];
  /** More entries with their content; they come before files of this machine that have the same names. */
  readonly entries?: readonly { readonly entry: TarEntry; readonly content?: readonly Uint8Array[] }[];
  /** Default: the usual six directories, never this process's PATH. */
  readonly searchPath?: string;
  /** What goes into the image's config. `Env` without a PATH gets `searchPath`. */
  readonly defaults?: ContainerDefaults;
  readonly signal?: AbortSignal;
}

/**
 * An image out of programs of this machine: the programs, the loaders and libraries they need, each where
 * it is here, and the least that programs expect of a root. Equal files give equal layers.
 *
 * @throws {HostImageError} `ERR_HOST_IMAGE_MISSING`, `ERR_HOST_IMAGE_FORMAT`, `ERR_HOST_IMAGE_LIBRARY`, `ERR_HOST_IMAGE_LIMIT`
 */
export async function hostImage(options: HostImageOptions): Promise<HostImage> {
  const { programs, data = [], entries = [], searchPath = defaultSearchPath, defaults = {}, signal } = options;
  const tree = new ImageTree();
  for (const { entry, content } of entries)
    tree.node({ layer: "data", entry, ...(content === undefined ? {} : { content: { bytes: content } }) });
  addBaseFiles(tree);
  const files = new FileCollector(tree);
  addMergedDirectories(files);
  for (const program of programs) addProgram(files, resolveProgram({ program, searchPath }));
  for (const path of data) files.add("data", path);
  return assembleImage(tree, withPath(defaults, searchPath), signal);
}

/** `/bin` → `usr/bin` and its kin where this machine has them: a script's `#!/bin/sh` must be found. */
export function addMergedDirectories(files: FileCollector): void {
  for (const path of ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"])
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) files.addLink("libraries", path);
}

/** A program with all that it needs. */
export function addProgram(files: FileCollector, program: ResolvedProgram): void {
  addNeeds(files, program);
  files.add("programs", program.path);
}

/** What a program needs, without itself. */
export function addNeeds(files: FileCollector, program: ResolvedProgram): void {
  for (const library of program.libraries) files.add("libraries", library);
  for (const interpreter of program.interpreters) files.add("programs", interpreter);
  if (program.usesCache) files.add("libraries", "/etc/ld.so.cache");
}

function withPath(defaults: ContainerDefaults, searchPath: string): ContainerDefaults {
  const env = defaults.Env ?? [];
  return { ...defaults, Env: env.some((line) => line.startsWith("PATH=")) ? env : [`PATH=${searchPath}`, ...env] };
}
