import { mediaTypes } from "@ctr/oci";

/** What we take as a manifest, most wanted first. */
export const acceptedManifests: string = [
  mediaTypes.index,
  mediaTypes.dockerIndex,
  mediaTypes.manifest,
  mediaTypes.dockerManifest,
].join(", ");

/** `application/json; charset=utf-8` → `application/json`, lower case. */
export function essence(contentType: string | undefined): string | undefined {
  const text = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  return text === "" ? undefined : text;
}
