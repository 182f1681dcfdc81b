import type { ImagePuller } from "@ctr/builder";
import type { Context } from "./context.ts";
import { Images } from "./images.ts";

/** Pulls what a build begins with, as `ctr pull` does. */
export function buildPuller(context: Context): ImagePuller {
  const images = new Images(context);
  return async ({ name, platform, progress, signal }) => {
    const request = {
      reference: name,
      ...(platform === undefined ? {} : { platform }),
      ...(signal === undefined ? {} : { signal }),
    };
    for await (const event of images.pull(request)) {
      if (event.kind === "progress") {
        const { digest, size } = event.descriptor;
        progress({ kind: "layer", digest, received: event.received, size });
      }
      if (event.kind === "done")
        progress({ kind: "done", digest: event.root.digest, fetchedBytes: event.fetchedBytes });
    }
  };
}
