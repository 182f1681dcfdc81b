import { constants } from "node:os";
import { explainStep, type Step } from "@ctr/plan";
import type { NativeFailure } from "./native.ts";

// Where a number has two names, the first is the usual one: EAGAIN before EWOULDBLOCK.
const symbols: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** The name of an errno, `E2BIG` to `EXDEV`; numbers that Node does not know stay numbers. */
export function symbolOf(errno: number): string {
  if (errno === constants.errno.EOPNOTSUPP) return "EOPNOTSUPP";
  return symbols.get(errno) ?? `E${errno}`;
}

/** A system call that did not do what a step asked. Match on `code`, never on `message`. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly code: `ERR_KERNEL_${string}`;
  readonly syscall: string;
  readonly errno: number;
  /** `ENOENT`. */
  readonly symbol: string;
  readonly path: string | undefined;
  /** The step of a plan that failed, with the option that asked for it. */
  readonly step: Step | undefined;
  readonly hint: string | undefined;

  constructor(at: {
    syscall: string;
    errno: number;
    path?: string | undefined;
    detail?: string | undefined;
    step?: Step | undefined;
  }) {
    const symbol = symbolOf(at.errno);
    const hint = at.detail || hintFor(at.step, symbol);
    const what = `${at.syscall}${at.path ? ` ${JSON.stringify(at.path)}` : ""}: ${symbol}`;
    const why = at.step === undefined ? "" : ` (${explainStep(at.step)}; asked for by ${at.step.because.option})`;
    super(`${what}${hint ? `; ${hint}` : ""}${why}`);
    this.code = `ERR_KERNEL_${symbol}`;
    this.syscall = at.syscall;
    this.errno = at.errno;
    this.symbol = symbol;
    this.path = at.path || undefined;
    this.step = at.step;
    this.hint = hint || undefined;
  }
}

/** Does this error come from a system call of ours? Holds across copies of the package, where `instanceof` does not. */
export function isKernelError(error: unknown): error is KernelError {
  return error instanceof Error && error.name === "KernelError" && "syscall" in error;
}

/** Words for the failures that have one meaning only. */
function hintFor(step: Step | undefined, symbol: string): string | undefined {
  if (step === undefined) return undefined;
  if (symbol === "ELOOP" && "target" in step)
    return "the rootfs has a symlink there, and a mount must not follow it out of its place";
  if (step.do === "write" && step.path.startsWith("/sys/fs/cgroup") && symbol === "EINVAL")
    return "the kernel refuses this value";
  if (step.do === "pivotRoot" && symbol === "EINVAL")
    return "this machine still runs on the kernel's first file system (an initramfs), which cannot be pivoted away from";
  if (step.do === "changeDirectory" && symbol === "EXDEV") return "the working directory lies outside of the container";
  if (step.do === "setLimit" && symbol === "EPERM") return "a hard limit can only be raised with CAP_SYS_RESOURCE";
  return undefined;
}

/** An error for what the interpreter said about one of `steps`. */
export function failureOf(failure: NativeFailure, steps: readonly Step[]): KernelError {
  return new KernelError({
    syscall: failure.syscall,
    errno: failure.errno,
    path: failure.path,
    detail: failure.detail,
    step: steps[failure.step],
  });
}

/** `result`, or an error when it is minus errno. */
export function check<T>(result: T | number, syscall: string, path?: string): T {
  if (typeof result === "number" && result < 0) throw new KernelError({ syscall, errno: -result, path });
  return result as T;
}
