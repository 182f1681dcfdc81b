/** A step that cannot be put into words for the kernel: a program error or a hostile string, never the kernel's answer. */
export class PlanError extends Error {
  override readonly name = "PlanError";
  readonly code: "ERR_PLAN_VALUE" | "ERR_PLAN_SIZE";
  /** Index of the step in its plan. */
  readonly step: number;

  constructor(at: { code: PlanError["code"]; step: number; message: string }) {
    super(at.message);
    this.code = at.code;
    this.step = at.step;
  }
}
