/** A mount that cannot be understood: option, flag or table line. Match on `code`. */
export class MountsError extends Error {
  override readonly name = "MountsError";
  readonly code: "ERR_MOUNTS_OPTION" | "ERR_MOUNTS_VOLUME" | "ERR_MOUNTS_TABLE";
  constructor(code: MountsError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
