import { encode, type MountAttribute, PlanEncoder, type Step } from "@ctr/plan";
import { check, failureOf } from "./kernel-error.ts";
import { native } from "./native.ts";

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
  return check(native().openIn(at.root, at.path, at.flags), "openat2", at.path);
}
