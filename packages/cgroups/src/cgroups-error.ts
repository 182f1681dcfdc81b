export type CgroupErrorCode =
  /** A value that no kernel would take, or that Docker refuses for the user's good. */
  | "ERR_CGROUPS_VALUE"
  /** A path that is not a clean absolute path below the hierarchy's root. */
  | "ERR_CGROUPS_PATH"
  /** Something was asked of a controller that this machine does not offer. */
  | "ERR_CGROUPS_CONTROLLER"
  /** A list of device rules that the v1 devices controller cannot express. */
  | "ERR_CGROUPS_DEVICES"
  /** No cgroup file system is mounted, or its description cannot be read. */
  | "ERR_CGROUPS_LAYOUT"
  /** The kernel refused to make, read or write a file. */
  | "ERR_CGROUPS_KERNEL"
  /** The cgroup has processes in it where it should be empty. */
  | "ERR_CGROUPS_BUSY";

interface Details {
  readonly code: CgroupErrorCode;
  readonly option?: string | undefined;
  readonly file?: string | undefined;
  readonly text?: string | undefined;
  readonly symbol?: string | undefined;
  readonly errno?: number | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** What went wrong with a cgroup. Match on `code`, never on `message`. */
export class CgroupError extends Error {
  override readonly name = "CgroupError";
  readonly code: CgroupErrorCode;
  /** The field that asked: `linux.resources.memory.limit`. */
  readonly option: string | undefined;
  /** The file or directory that the kernel was asked about. */
  readonly file: string | undefined;
  /** What was to be written to `file`. */
  readonly text: string | undefined;
  /** The errno's name: `EBUSY`. */
  readonly symbol: string | undefined;
  /** The errno as a positive number. */
  readonly errno: number | undefined;
  /** What to do about it, when that is known. */
  readonly hint: string | undefined;

  constructor(message: string, details: Details) {
    super(details.hint === undefined ? message : `${message}; ${details.hint}`, { cause: details.cause });
    this.code = details.code;
    this.option = details.option;
    this.file = details.file;
    this.text = details.text;
    this.symbol = details.symbol;
    this.errno = details.errno;
    this.hint = details.hint;
  }
}

/** A value that cannot be meant; `field` below `linux.resources` holds it. */
export function badValue(field: string, message: string): CgroupError {
  const option = `linux.resources.${field}`;
  return new CgroupError(`${option}: ${message}`, { code: "ERR_CGROUPS_VALUE", option });
}
