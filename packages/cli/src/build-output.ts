import type { BuildDifference, VerifyEvent } from "@ctr/engine";
import { type BuildDisplay, showEvents } from "./build-display.ts";
import type { Built } from "./build-outputs.ts";

export interface ShownBuild extends Built {
  /** The image's id, or the digest of an index. */
  readonly id: string;
  readonly names: readonly string[];
  /** What a second build made differently; undefined when there was none. */
  readonly differences: readonly BuildDifference[] | undefined;
}

/** Show a build as it goes. @returns what it made */
export async function showBuild(
  events: AsyncIterable<VerifyEvent>,
  display: BuildDisplay,
  read: (event: VerifyEvent) => void,
): Promise<ShownBuild> {
  let built: Omit<ShownBuild, "differences"> | undefined;
  let differences: readonly BuildDifference[] | undefined;
  await showEvents(events, display, (event) => {
    read(event);
    if (event.type === "imageFinished") built = { ...event, variants: [event] };
    if (event.type === "indexFinished") built = { ...event, id: event.target.digest };
    if (event.type === "verifyFinished") differences = event.differences;
  });
  if (built === undefined) throw new Error("a build ended without an image"); // cannot be
  return { ...built, differences };
}
