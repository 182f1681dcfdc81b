export { chainIds, type Sha256 } from "./chain-id.ts";
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  isDigest,
  makeDigest,
  parseDigest,
} from "./digest.ts";
export type * from "./distribution-spec.ts";
export type * from "./image-spec.ts";
export { encodeJson, type JsonValue, parseJson } from "./json.ts";
export {
  isConfigType,
  isIndexType,
  isManifestType,
  type LayerCompression,
  layerCompression,
  mediaTypes,
} from "./media-type.ts";
export { isOciError, OciError, type OciErrorCode } from "./oci-error.ts";
export { parseRegistryErrors, parseTagList } from "./parse-distribution.ts";
export {
  maxImageConfigBytes,
  maxManifestBytes,
  parseDescriptor,
  parseImageConfig,
  parseImageLayout,
  parseIndex,
  parseManifest,
} from "./parse-image.ts";
export {
  maxRuntimeConfigBytes,
  parseContainerState,
  parseProcess,
  parseResources,
  parseRuntimeConfig,
} from "./parse-runtime.ts";
export {
  formatPlatform,
  matchesPlatform,
  normalizePlatform,
  parsePlatform,
  platformPreference,
  selectPlatform,
} from "./platform.ts";
export {
  familiarName,
  familiarReference,
  formatReference,
  fullName,
  parseReference,
  type Reference,
} from "./reference.ts";
export type * from "./runtime-spec.ts";
export { lookupUser, parseUser, type ResolvedUser, type UserSpec } from "./user.ts";
