import { OverlayfsError } from "./overlayfs-error.ts";

//   merged ── what the container sees
//   upper  ── writes and whiteouts                    a name found above
//   lowers ── layers, newest first, read-only         hides the same name below

/** The most read-only layers of one mount (OVL_MAX_STACK of the kernel's fs/overlayfs). */
export const maxLowers = 500;

/** The most bytes of options where they travel as one string: a page, less its end. @see mount(2) */
const maxOptionBytes = 4095;

export interface Overlay {
  /** Read-only directories, newest first. */
  readonly lowers: readonly string[];
  /** Takes every write. Without it the view is read-only. */
  readonly upper?: string;
  /** Empty, on the same file system as `upper`; the kernel prepares files in it. */
  readonly work?: string;
  /**
   * Whether the kernel takes layers one by one (`lowerdir+`, Linux 6.8), so that neither a page of options
   * nor a colon in a name is a limit. `host/kernel-features.ts` asks the running kernel.
   */
  readonly oneByOne: boolean;
  /** Do not sync what is written: for a view that is thrown away after a crash. */
  readonly volatile?: boolean;
  /** Keep whiteouts and markers in `user.overlay.*`: inside a user namespace. Linux 5.11. */
  readonly userXattr?: boolean;
}

/**
 * The fsconfig(2) options of an overlay mount.
 *
 * @throws {OverlayfsError} `ERR_OVERLAYFS_DEPTH` over 500 layers; `ERR_OVERLAYFS_PAGE` when an older kernel
 *   cannot take that many: the short links of `l/` make room for about 60, and it needs an `upper`
 * @see Linux Documentation/filesystems/overlayfs.rst, "Multiple lower layers"
 */
export function overlayOptions(overlay: Overlay): string[] {
  if (overlay.lowers.length > maxLowers)
    throw new OverlayfsError(
      "ERR_OVERLAYFS_DEPTH",
      `${overlay.lowers.length} layers: overlayfs shows at most ${maxLowers}; squash some of them`,
    );
  const options = overlay.oneByOne
    ? overlay.lowers.map((lower) => `lowerdir+=${lower}`)
    : [`lowerdir=${overlay.lowers.map(escapeColons).join(":")}`];
  if (overlay.upper !== undefined)
    options.push(
      `upperdir=${escapeBackslashes(overlay.upper)}`,
      `workdir=${escapeBackslashes(overlay.work ?? "")}`,
      // A directory that was moved, or a file whose owner alone changed, must be whole in the upper
      // directory: a layer's archive has no words for the kernel's short cuts.
      "redirect_dir=off",
      "metacopy=off",
    );
  if (overlay.volatile) options.push("volatile");
  if (overlay.userXattr) options.push("userxattr");
  const bytes = options.reduce((sum, option) => sum + new TextEncoder().encode(option).length + 1, 0);
  if (!overlay.oneByOne && bytes > maxOptionBytes)
    throw new OverlayfsError(
      "ERR_OVERLAYFS_PAGE",
      `${overlay.lowers.length} layers need ${bytes} bytes of mount options, and kernels before 6.8 take ${maxOptionBytes}; a shorter --root helps`,
    );
  return options;
}

// The kernel takes backslashes out of every name but those of `lowerdir+`.
const escapeBackslashes = (path: string): string => path.replaceAll("\\", "\\\\");

// `lowerdir` is cut at colons; a backslash keeps one.
const escapeColons = (path: string): string => path.replace(/[\\:]/g, "\\$&");
