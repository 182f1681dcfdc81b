import { encode, type MountAttribute, PlanEncoder, type Step } from "@ctr/plan";
import { check, failureOf } from "./kernel-error.ts";
import { native, pathArgument } from "./native.ts";

const encoder = new PlanEncoder();

/**
 * Perform steps in this process, one after another, until all are done or one fails. What the steps before
 * it did stays. The process's root and working directory are never changed; its umask is 0 meanwhile.
 *
 * @param options.rootfs  An fd that `rootfs` paths are resolved under until an `enterRootfs` step. Stays the caller's.
 * @throws {KernelError} what the kernel said, with the step and the option behind it
 */
export function perform(steps: readonly Step[], options: { readonly rootfs?: number } = {}): void {
  const failure = native().perform(encoder.encode(steps), options.rootfs ?? -1);
  if (failure !== undefined) throw failureOf(failure, steps);
}

// Each holds the bytes of one plan until it is done; as many as there ever were at a time.
const idleEncoders: PlanEncoder[] = [];

/** Steps that concern files alone, and nothing of the thread that performs them. */
const fileSteps: ReadonlySet<Step["do"]> = new Set([
  ...(["enterRootfs", "makeDirectory", "makeFile", "extendFile", "makeSymlink", "makeHardlink", "makeNode"] as const),
  ...(["setXattr", "setTime", "remove", "empty"] as const),
]);

/**
 * As {@link perform}, in a thread of Node's pool while JavaScript goes on, for many files at once. Only steps that make,
 * change and remove files: namespaces and credentials belong to a thread, and the pool's are everybody's.
 *
 * @throws {TypeError} for any other step
 */
export async function performLater(steps: readonly Step[], options: { readonly rootfs?: number } = {}): Promise<void> {
  const other = steps.find((step) => !fileSteps.has(step.do));
  if (other !== undefined) throw new TypeError(`performLater makes files; ${other.do} is for perform`);
  const encoder = idleEncoders.pop() ?? new PlanEncoder();
  try {
    const failure = await native().performLater(encoder.encode(steps), options.rootfs ?? -1);
    if (failure !== undefined) throw failureOf(failure, steps);
  } finally {
    idleEncoders.push(encoder);
  }
}

/**
 * A file system that is mounted nowhere: it lives as long as its fd, which the caller owns, and can be read
 * through it (`openIn`) and put into a tree by an `attach` step, also in another mount namespace.
 *
 * @see fsmount(2)
 * @throws {KernelError}
 */
export function mountDetached(mount: {
  readonly type: string;
  readonly source?: string;
  readonly options?: readonly string[];
  readonly attributes?: readonly MountAttribute[];
}): number {
  const step: Step = {
    do: "mount",
    type: mount.type,
    source: mount.source ?? mount.type,
    options: mount.options ?? [],
    attributes: mount.attributes ?? [],
    in: "host",
    target: "a detached mount",
    missing: "refuse",
    because: { option: "mountDetached", why: `a ${mount.type} that only its fd leads to` },
  };
  const fd = native().detachedMount(encode([step]));
  if (typeof fd === "object") throw failureOf(fd, [step]);
  return fd;
}

/**
 * Open a path inside a tree that somebody else filled: no symlink and no ".." leads out of `root`.
 *
 * @param at.root  An fd of the tree's top directory.
 * @param at.flags  `O_*` of open(2); O_CLOEXEC is added.
 * @returns an fd that the caller owns
 * @see openat2(2), RESOLVE_IN_ROOT
 */
export function openIn(at: { readonly root: number; readonly path: string; readonly flags: number }): number {
  return check(native().openIn(at.root, pathArgument(at.path), at.flags), "openat2", at.path);
}
