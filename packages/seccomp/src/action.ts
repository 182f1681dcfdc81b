import type { SeccompAction } from "@ctr/oci";
import { SeccompError } from "./seccomp-error.ts";

// SECCOMP_RET_* of <linux/seccomp.h>; the low 16 bits carry an errno or a tracer's message.
const returnValues: ReadonlyMap<string, number> = new Map<SeccompAction, number>([
  ["SCMP_ACT_KILL_PROCESS", 0x80000000],
  ["SCMP_ACT_KILL_THREAD", 0x00000000],
  ["SCMP_ACT_KILL", 0x00000000],
  ["SCMP_ACT_TRAP", 0x00030000],
  ["SCMP_ACT_ERRNO", 0x00050000],
  ["SCMP_ACT_TRACE", 0x7ff00000],
  ["SCMP_ACT_LOG", 0x7ffc0000],
  ["SCMP_ACT_ALLOW", 0x7fff0000],
]);

export const errnoNumbers = { EPERM: 1, ENOSYS: 38 } as const;

/** MAX_ERRNO of <linux/err.h>: the kernel cuts anything above to it. */
const largestErrno = 4095;

/**
 * What a filter returns for an action.
 *
 * @param data  The errno of ERRNO (EPERM when not given) or the message of TRACE.
 * @param where  The place in the profile, for messages.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for NOTIFY; `ERR_SECCOMP_PROFILE` for an unknown action or an
 *   errno that does not belong to it.
 * @see runtime-spec config-linux.md#seccomp
 */
export function returnValue(action: SeccompAction, data: number | undefined, where: string): number {
  if (action === "SCMP_ACT_NOTIFY")
    throw new SeccompError(
      "ERR_SECCOMP_UNSUPPORTED",
      `${where}: SCMP_ACT_NOTIFY needs a listener that answers each call, which is not supported; use SCMP_ACT_ERRNO or SCMP_ACT_TRACE`,
    );
  const value = returnValues.get(action);
  if (value === undefined)
    throw new SeccompError("ERR_SECCOMP_PROFILE", `${where}: unknown action ${JSON.stringify(action)?.slice(0, 64)}`);
  return value | returnData(action, data, where);
}

function returnData(action: SeccompAction, data: number | undefined, where: string): number {
  if (action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE") {
    if (data === undefined) return 0;
    throw new SeccompError("ERR_SECCOMP_PROFILE", `${where}: ${action} takes no errnoRet; remove it`);
  }
  const number = data ?? errnoNumbers.EPERM;
  const largest = action === "SCMP_ACT_ERRNO" ? largestErrno : 0xffff;
  if (!Number.isInteger(number) || number < 0 || number > largest)
    throw new SeccompError("ERR_SECCOMP_PROFILE", `${where}: errnoRet ${number} is not in the range 0 to ${largest}`);
  return number;
}

/** An action that lets the call happen, now or after a tracer has looked at it. */
export function isPermissive(action: SeccompAction): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG" || action === "SCMP_ACT_TRACE";
}

/** The action behind a filter's return value. `data` is the errno or the tracer's message. */
export function readReturnValue(value: number): { readonly action: SeccompAction; readonly data: number } {
  const wanted = (value & 0xffff0000) >>> 0;
  for (const [action, bits] of returnValues)
    if (bits === wanted) return { action: action as SeccompAction, data: value & 0xffff };
  throw new SeccompError("ERR_SECCOMP_PROGRAM", `a filter returned 0x${value.toString(16)}, which is no action`);
}
