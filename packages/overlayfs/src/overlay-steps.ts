import type { Reason, Step, Tree } from "@ctr/plan";
import { type Overlay, overlayOptions } from "./overlay-options.ts";

/** Steps that show an overlay at `target`. Nothing is mounted yet. */
export function overlaySteps(
  o: Overlay & { readonly target: string; readonly in?: Tree; readonly because: Reason },
): Step[] {
  return [
    {
      do: "mount",
      type: "overlay",
      source: "overlay",
      options: overlayOptions(o),
      attributes: [],
      in: o.in ?? "host",
      target: o.target,
      missing: "refuse",
      because: o.because,
    },
  ];
}
