/** A container that cannot be started or entered as asked. Match on `code`. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: RuntimeErrorCode;
  /** What a shell would return: 126, 127; 125 when the engine itself failed. */
  readonly exitCode: number;

  constructor(code: RuntimeErrorCode, message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.code = code;
    this.exitCode = options.exitCode ?? 125;
  }
}

export type RuntimeErrorCode =
  | "ERR_RUNTIME_CONFIG"
  | "ERR_RUNTIME_UNSUPPORTED"
  | "ERR_RUNTIME_PROGRAM_MISSING"
  | "ERR_RUNTIME_PROGRAM_NOT_EXECUTABLE";
