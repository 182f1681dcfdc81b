import { type JsonValue, maxManifestBytes, parseJson } from "@ctr/oci";
import { ImageArchiveError, quote } from "./image-archive-error.ts";

/**
 * One image of `manifest.json`, by names of members of the archive.
 * @see https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
 */
export interface DockerImage {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  /** Oldest first. */
  readonly Layers: readonly string[];
}

const mostImages = 10_000;
const mostLayers = 4096;

/**
 * Read `manifest.json`.
 * @throws {ImageArchiveError} `ERR_IMAGE_ARCHIVE_DOCUMENT` naming the field; {OciError} for what is no JSON
 */
export function parseDockerManifest(bytes: Uint8Array): readonly DockerImage[] {
  const images = parseJson(bytes, maxManifestBytes);
  if (!Array.isArray(images)) throw wrong("it is no array");
  if (images.length > mostImages) throw wrong(`it lists ${images.length} images, more than ${mostImages}`);
  return images.map((image: JsonValue, index) => {
    const object = objectOf(image, index);
    const config = object.Config;
    if (typeof config !== "string") throw wrong(`[${index}].Config is no string`);
    return {
      Config: config,
      RepoTags: texts(object.RepoTags, `[${index}].RepoTags`, mostImages),
      Layers: texts(object.Layers, `[${index}].Layers`, mostLayers),
    };
  });
}

const fields = ["Config", "RepoTags", "Layers"];

function objectOf(value: JsonValue, index: number): Readonly<Record<string, JsonValue>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(`[${index}] is no object`);
  const object = value as Readonly<Record<string, JsonValue>>;
  // Go would read it as that field, and so another document than we do.
  for (const key of Object.keys(object))
    if (!fields.includes(key) && fields.some((field) => field.toLowerCase() === key.toLowerCase()))
      throw wrong(`[${index}] has a field ${quote(key)}`);
  return object;
}

/** `null` is how Go writes an empty list. */
function texts(value: JsonValue | undefined, place: string, most: number): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw wrong(`${place} is no list of strings`);
  if (value.length > most) throw wrong(`${place} has ${value.length} items, more than ${most}`);
  return value as readonly string[];
}

function wrong(why: string): ImageArchiveError {
  return new ImageArchiveError("ERR_IMAGE_ARCHIVE_DOCUMENT", `manifest.json cannot be used: ${why}`);
}
