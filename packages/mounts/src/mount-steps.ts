import type { Mount } from "@ctr/oci";
import type { MissingTarget, MountAttribute, Reason, Step } from "@ctr/plan";
import { type ParsedOptions, parseOptions } from "./options.ts";

/**
 * The steps behind one entry of `mounts` in an OCI configuration, onto the rootfs.
 *
 * @param o.sourceIsFile  whether a bind mount's source is something else than a directory, so that a missing target becomes the same
 * @param o.idmap  an inherited fd of the user namespace that maps a bind mount's owners, see `mount_setattr(2)`
 * @throws {MountsError} `ERR_MOUNTS_OPTION`
 * @see runtime-spec config.md#mounts
 */
export function mountSteps(o: {
  readonly mount: Mount;
  readonly because: Reason;
  readonly sourceIsFile?: boolean;
  readonly missing?: MissingTarget;
  readonly idmap?: number;
}): Step[] {
  const type = o.mount.type ?? "none";
  const options = parseOptions(o.mount.options ?? [], type);
  const missing = o.missing ?? (o.sourceIsFile ? "file" : "directory");
  const first = options.bind ? bindStep(o, options, missing) : fileSystemStep(o, type, options, missing);
  return [first, ...laterSteps(o, options)];
}

type MountOptions = Parameters<typeof mountSteps>[0];

function fileSystemStep(o: MountOptions, type: string, options: ParsedOptions, missing: MissingTarget): Step {
  return {
    do: "mount",
    type,
    source: o.mount.source ?? type,
    options: options.data,
    attributes: [...options.set, ...options.recursiveSet],
    in: "rootfs",
    target: o.mount.destination,
    missing,
    because: o.because,
  };
}

function bindStep(o: MountOptions, options: ParsedOptions, missing: MissingTarget): Step {
  // One call changes the whole clone: what is meant for the top alone comes after, unless there is nothing below.
  const alone = !options.recursive;
  return {
    do: "bind",
    from: "host",
    source: o.mount.source ?? "",
    recursive: options.recursive,
    set: [...options.recursiveSet, ...(alone ? options.set : [])],
    clear: [...options.recursiveClear, ...(alone ? options.clear : [])],
    propagation: "keep",
    idmap: o.idmap ?? -1,
    in: "rootfs",
    target: o.mount.destination,
    missing,
    because: o.because,
  };
}

function laterSteps(o: MountOptions, options: ParsedOptions): Step[] {
  const steps: Step[] = [];
  const change = (
    set: readonly MountAttribute[],
    clear: readonly MountAttribute[],
    propagation: ParsedOptions["propagation"],
    recursive: boolean,
  ): void => {
    steps.push({
      do: "setMount",
      in: "rootfs",
      target: o.mount.destination,
      recursive,
      set,
      clear,
      propagation,
      because: o.because,
    });
  };
  if (options.bind && options.recursive && (options.set.length > 0 || options.clear.length > 0))
    change(options.set, options.clear, "keep", false);
  if (options.propagation !== "keep") change([], [], options.propagation, options.propagationRecursive);
  return steps;
}
