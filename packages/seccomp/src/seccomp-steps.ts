import type { Reason, Step } from "@ctr/plan";
import { type CompileOptions, compile } from "./compile.ts";

/**
 * The step that loads a profile's filter. It belongs at the very end of a start: every later step must be allowed
 * by the filter itself. Without CAP_SYS_ADMIN it needs `setNoNewPrivileges` before it (seccomp(2)).
 *
 * @throws {SeccompError} as `compile` does.
 */
export function seccompSteps(o: CompileOptions & { readonly because: Reason }): Step[] {
  const { program, flags } = compile(o);
  return [{ do: "loadSeccomp", program, flags, because: o.because }];
}
