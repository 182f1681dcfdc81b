import { mountDetached, perform } from "@ctr/kernel";
import { type Overlay, overlayOptions } from "../overlay-options.ts";
import { overlaySteps } from "../overlay-steps.ts";
import { takesLowersOneByOne } from "./kernel-features.ts";

/** An overlay that `unmount`, or the end of a `using` block, takes down. */
export interface MountedOverlay extends Disposable {
  readonly target: string;
  unmount(): void;
}

type HostOverlay = Omit<Overlay, "oneByOne">;

/**
 * Show an overlay at `target`, in this process's mount namespace.
 *
 * @throws {KernelError} what the kernel said; EINVAL means that upper and work lie on different file systems or cannot hold whiteouts
 */
export function mount(o: HostOverlay & { readonly target: string }): MountedOverlay {
  const because = { option: "overlayfs.mount", why: "several directories are seen as one" };
  perform(overlaySteps({ ...o, oneByOne: takesLowersOneByOne(), because }));
  let mounted = true;
  const unmount = (): void => {
    if (mounted) perform([{ do: "unmount", in: "host", target: o.target, detach: false, because }]);
    mounted = false;
  };
  return { target: o.target, unmount, [Symbol.dispose]: unmount };
}

/** An overlay that is mounted nowhere: an fd that the caller owns. Read it with `openIn`, put it into a tree with an `attach` step. */
export function openOverlay(o: HostOverlay): number {
  return mountDetached({ type: "overlay", options: overlayOptions({ ...o, oneByOne: takesLowersOneByOne() }) });
}
