/** What a caller asked for cannot be done. Messages are Docker's where Docker has one. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: EngineErrorCode;
  /** What `ctr run` returns: 125 for the engine's own failures; other commands return 1. */
  readonly exitCode: number;

  constructor(code: EngineErrorCode, message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.code = code;
    this.exitCode = options.exitCode ?? 125;
  }
}

export type EngineErrorCode =
  | "ERR_ENGINE_NO_CONTAINER"
  | "ERR_ENGINE_AMBIGUOUS_ID"
  | "ERR_ENGINE_NAME_TAKEN"
  | "ERR_ENGINE_NAME"
  | "ERR_ENGINE_NO_COMMAND"
  | "ERR_ENGINE_NOT_RUNNING"
  | "ERR_ENGINE_RUNNING"
  | "ERR_ENGINE_VOLUME"
  | "ERR_ENGINE_OPTION"
  | "ERR_ENGINE_PLATFORM"
  | "ERR_ENGINE_IMAGE_IN_USE"
  | "ERR_ENGINE_LOG"
  | "ERR_ENGINE_PATH"
  | "ERR_ENGINE_COPY"
  | "ERR_ENGINE_STATE";
