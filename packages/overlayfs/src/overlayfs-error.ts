/** Layers that overlayfs cannot show, or a layout that is not overlay2's. Match on `code`. */
export class OverlayfsError extends Error {
  override readonly name = "OverlayfsError";
  readonly code: "ERR_OVERLAYFS_DEPTH" | "ERR_OVERLAYFS_PAGE" | "ERR_OVERLAYFS_LAYOUT";
  constructor(code: OverlayfsError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
