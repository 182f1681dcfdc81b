/** How a layer's tar says that a name of the layers below is gone. @see image-spec layer.md#whiteouts */
export const whiteoutPrefix = ".wh.";
/** In a tar: everything that the layers below have in this directory is gone. */
export const opaqueName = ".wh..wh..opq";
/** On disk: the same, as an attribute of the directory with the value "y". */
export const opaqueXattr = "trusted.overlay.opaque";
/** Where a user namespace keeps it. */
export const userOpaqueXattr = "user.overlay.opaque";

/** Is this what overlayfs leaves where a name was removed: a character device 0:0? */
export function isWhiteout(status: { isCharacterDevice(): boolean; rdev: number | bigint }): boolean {
  return status.isCharacterDevice() && BigInt(status.rdev) === 0n;
}
