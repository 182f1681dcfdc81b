import type { MountAttribute, Propagation } from "@ctr/plan";
import { MountsError } from "./mounts-error.ts";

/** The options of an OCI or fstab(5) mount, sorted by what has to be done about each. */
export interface ParsedOptions {
  readonly set: readonly MountAttribute[];
  readonly clear: readonly MountAttribute[];
  /** As `set` and `clear`, for all mounts below too (`rro`, `rnosuid` …). */
  readonly recursiveSet: readonly MountAttribute[];
  readonly recursiveClear: readonly MountAttribute[];
  readonly propagation: Propagation;
  readonly propagationRecursive: boolean;
  /** `bind` or `rbind` was among them. */
  readonly bind: boolean;
  readonly recursive: boolean;
  /** What is for the file system itself: `size=64m`, `mode=1777`. */
  readonly data: readonly string[];
}

const attributes: Readonly<Record<string, readonly ["set" | "clear", MountAttribute]>> = {
  ro: ["set", "readOnly"],
  rw: ["clear", "readOnly"],
  nosuid: ["set", "noSuid"],
  suid: ["clear", "noSuid"],
  nodev: ["set", "noDev"],
  dev: ["clear", "noDev"],
  noexec: ["set", "noExec"],
  exec: ["clear", "noExec"],
  noatime: ["set", "noAtime"],
  atime: ["clear", "noAtime"],
  strictatime: ["set", "strictAtime"],
  nostrictatime: ["clear", "strictAtime"],
  nodiratime: ["set", "noDirAtime"],
  diratime: ["clear", "noDirAtime"],
  nosymfollow: ["set", "noSymlinkFollow"],
  symfollow: ["clear", "noSymlinkFollow"],
};

/** The kernel's own default for access times, and fstab's word for "nothing special". */
const nothing = new Set(["defaults", "relatime", "norelatime", "async"]);

const propagations: ReadonlySet<string> = new Set(["private", "shared", "slave", "unbindable"]);

/**
 * @param type  file system of the mount: a bind mount has no file system that could take an unknown option
 * @throws {MountsError} `ERR_MOUNTS_OPTION` for a word that means nothing to a bind mount
 * @see runtime-spec config.md#linux-mount-options; mount(8)
 */
export function parseOptions(options: readonly string[], type: string): ParsedOptions {
  const found = {
    set: [] as MountAttribute[],
    clear: [] as MountAttribute[],
    recursiveSet: [] as MountAttribute[],
    recursiveClear: [] as MountAttribute[],
    propagation: "keep" as Propagation,
    propagationRecursive: false,
    bind: type === "bind",
    recursive: false,
    data: [] as string[],
  };
  for (const option of options) {
    const own = attributeOf(option);
    const below = own === undefined && option.startsWith("r") ? attributeOf(option.slice(1)) : undefined;
    if (own !== undefined) noteFlag(own, found.set, found.clear);
    else if (below !== undefined) noteFlag(below, found.recursiveSet, found.recursiveClear);
    else if (option === "bind" || option === "rbind") {
      found.bind = true;
      found.recursive ||= option === "rbind";
    } else if (propagations.has(option) || (option.startsWith("r") && propagations.has(option.slice(1)))) {
      found.propagationRecursive = option.startsWith("r");
      found.propagation = (found.propagationRecursive ? option.slice(1) : option) as Propagation;
    } else if (!nothing.has(option)) found.data.push(option);
  }
  if (found.bind && found.data.length > 0)
    throw new MountsError(
      "ERR_MOUNTS_OPTION",
      `a bind mount knows no option ${found.data.map((one) => JSON.stringify(one)).join(", ")}`,
    );
  return found;
}

/** A flag is set or cleared, whatever was said last. @see mount(8), "-o" */
function noteFlag(
  [verb, flag]: readonly ["set" | "clear", MountAttribute],
  set: MountAttribute[],
  clear: MountAttribute[],
): void {
  for (const list of [set, clear]) if (list.includes(flag)) list.splice(list.indexOf(flag), 1);
  (verb === "set" ? set : clear).push(flag);
}

function attributeOf(option: string): readonly ["set" | "clear", MountAttribute] | undefined {
  return Object.hasOwn(attributes, option) ? attributes[option] : undefined;
}
