import {
  formatPlatform,
  type ImageConfig,
  isConfigType,
  isOciError,
  layerCompression,
  type Manifest,
  maxImageConfigBytes,
  normalizePlatform,
  type Platform,
  parseImageConfig,
} from "@ctr/oci";
import { documentError } from "./manifest.ts";
import { printable, RegistryError, type RegistryErrorDetails } from "./registry-error.ts";

/**
 * Refuse what is no image of a file system: an artifact, a layer that nobody can unpack, a config that
 * nobody should read.
 *
 * @throws {RegistryError} `ERR_REGISTRY_MEDIA_TYPE`, `ERR_REGISTRY_LIMIT`
 */
export function checkImage(manifest: Manifest, at: RegistryErrorDetails): void {
  const { config, layers } = manifest;
  if (!isConfigType(config.mediaType)) throw noImage("a config", config.mediaType, at);
  if (config.size > maxImageConfigBytes)
    throw new RegistryError(
      "ERR_REGISTRY_LIMIT",
      `its config has ${config.size} bytes; more than ${maxImageConfigBytes} are refused`,
      at,
    );
  for (const { mediaType } of layers)
    if (layerCompression(mediaType) === undefined) throw noImage("a layer", mediaType, at);
}

function noImage(part: string, mediaType: string, at: RegistryErrorDetails): RegistryError {
  const type = JSON.stringify(printable(mediaType));
  return new RegistryError("ERR_REGISTRY_MEDIA_TYPE", `it has ${part} of type ${type}; no image is made so`, at);
}

/** Read verified bytes as the config of an image. @throws {RegistryError} `ERR_REGISTRY_DOCUMENT`, `ERR_REGISTRY_LIMIT` */
export function readConfig(bytes: Uint8Array, manifest: Manifest, host: string): ImageConfig {
  const at = { host, object: `config ${manifest.config.digest}` };
  let config: ImageConfig;
  try {
    config = parseImageConfig(bytes);
  } catch (error) {
    throw isOciError(error) ? documentError(error, at) : error;
  }
  const [named, there] = [config.rootfs.diff_ids.length, manifest.layers.length];
  if (named !== there)
    throw new RegistryError(
      "ERR_REGISTRY_DOCUMENT",
      `it names ${named} unpacked layers; the manifest has ${there}`,
      at,
    );
  return config;
}

/**
 * What no index chose has to say itself which platform it is for.
 *
 * @throws {RegistryError} `ERR_REGISTRY_PLATFORM`
 */
export function checkPlatform(config: ImageConfig, wanted: Platform, at: RegistryErrorDetails): void {
  const { os, architecture, variant } = config;
  const own = formatPlatform(normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }));
  const asked = formatPlatform(normalizePlatform(wanted));
  // Many builders leave the variant out.
  if (own === asked || (variant === undefined && asked.startsWith(`${own}/`))) return;
  throw new RegistryError(
    "ERR_REGISTRY_PLATFORM",
    `nothing for ${asked}; it is an image for ${printable(own)} only`,
    at,
  );
}
