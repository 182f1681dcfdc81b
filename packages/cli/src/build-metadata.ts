import type { ShownBuild } from "./build-output.ts";

/** What `--metadata-file` holds, under Docker's names. */
export function metadataOf({ id, target, names, variants }: ShownBuild): string {
  const [only, ...others] = variants;
  const document = {
    ...(others.length === 0 && only !== undefined ? { "containerimage.config.digest": id } : {}),
    "containerimage.descriptor": target,
    "containerimage.digest": target.digest,
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
