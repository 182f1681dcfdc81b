import { MountsError } from "./mounts-error.ts";

/** One line of /proc/PID/mountinfo. @see proc_pid_mountinfo(5) */
export interface MountInfo {
  readonly id: number;
  readonly parent: number;
  /** `major:minor`. */
  readonly device: string;
  /** The directory of the file system that is shown. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  /** `shared:2`, `master:1`, `propagate_from:1`, `unbindable`. */
  readonly tags: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

// The kernel writes space, tab, newline and backslash as three octal digits.
const readEscapes = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** @throws {MountsError} `ERR_MOUNTS_TABLE` for a line that is none of mountinfo */
export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const dash = fields.indexOf("-", 6);
      const [id, parent, device, root, target, options] = fields;
      const [type, source, superOptions] = fields.slice(dash + 1);
      if (dash < 0 || options === undefined || superOptions === undefined || !/^\d+$/.test(id ?? ""))
        throw new MountsError("ERR_MOUNTS_TABLE", `not a line of mountinfo: ${JSON.stringify(line)}`);
      return {
        id: Number(id),
        parent: Number(parent),
        device: device!,
        root: readEscapes(root!),
        target: readEscapes(target!),
        options: options.split(","),
        tags: fields.slice(6, dash),
        type: type!,
        source: readEscapes(source!),
        superOptions: superOptions.split(","),
      };
    });
}
