export { maxLowers, type Overlay, overlayOptions } from "./overlay-options.ts";
export { overlaySteps } from "./overlay-steps.ts";
export { OverlayfsError } from "./overlayfs-error.ts";
export { isShortName, lowerText, parseLower, shortName } from "./short-link.ts";
export { isWhiteout, opaqueName, opaqueXattr, userOpaqueXattr, whiteoutPrefix } from "./whiteout.ts";
