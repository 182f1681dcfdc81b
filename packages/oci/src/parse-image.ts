import type {
  ContainerDefaults,
  Descriptor,
  Healthcheck,
  History,
  ImageConfig,
  ImageLayout,
  Index,
  Manifest,
  Platform,
} from "./image-spec.ts";
import { parseJson } from "./json.ts";
import { isIndexType, isManifestType, mediaTypes } from "./media-type.ts";
import { OciError } from "./oci-error.ts";
import {
  array,
  arrayOrNull,
  boolean,
  digest,
  integer,
  invalid,
  matching,
  nonEmpty,
  object,
  oneOf,
  optional,
  type Reader,
  record,
  required,
  stringMap,
  text,
  texts,
} from "./schema.ts";

/** Bytes of a manifest or an index; the limit that registries and engines agree on. */
export const maxManifestBytes: number = 4 * 1024 * 1024;
/** Bytes of an image config. */
export const maxImageConfigBytes: number = 8 * 1024 * 1024;

const maxLayers = 4096;
const maxManifests = 10_000;

/** RFC 6838 names, 127 characters on either side of the slash; parameters are not part of a descriptor. */
const mediaType = matching(
  /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/,
  "a media type",
);
const size = integer(0, Number.MAX_SAFE_INTEGER);
const schemaVersion: Reader<2> = (value, place) => {
  if (value === 2) return 2;
  if (value === 1)
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE",
      "schema 1 images are not supported; push the image again with a current tool",
      "schemaVersion",
    );
  throw invalid(place, `expected 2, found ${typeof value === "number" ? value : typeof value}`);
};

const platform = object<Platform>({
  architecture: required(text),
  os: required(text),
  "os.version": optional(text),
  "os.features": optional(texts),
  variant: optional(text),
});

const descriptor = object<Descriptor>({
  mediaType: required(mediaType),
  digest: required(digest),
  size: required(size),
  urls: optional(texts),
  annotations: optional(stringMap),
  data: optional(text),
  platform: optional(platform),
  artifactType: optional(text),
});

const manifest = object<Manifest>({
  schemaVersion: required(schemaVersion),
  mediaType: optional(mediaType),
  artifactType: optional(text),
  config: required(descriptor),
  layers: required(arrayOrNull(descriptor, maxLayers)),
  subject: optional(descriptor),
  annotations: optional(stringMap),
});

const index = object<Index>({
  schemaVersion: required(schemaVersion),
  mediaType: optional(mediaType),
  artifactType: optional(text),
  manifests: required(arrayOrNull(descriptor, maxManifests)),
  subject: optional(descriptor),
  annotations: optional(stringMap),
});

const emptyObject: Reader<Readonly<Record<string, never>>> = () => ({});
const nanoseconds = integer(0, Number.MAX_SAFE_INTEGER);

const healthcheck = object<Healthcheck>({
  Test: optional(texts),
  Interval: optional(nanoseconds),
  Timeout: optional(nanoseconds),
  StartPeriod: optional(nanoseconds),
  StartInterval: optional(nanoseconds),
  Retries: optional(integer(0, 2 ** 31 - 1)),
});

const containerDefaults = object<ContainerDefaults>({
  User: optional(text),
  ExposedPorts: optional(record(emptyObject)),
  Env: optional(texts),
  Entrypoint: optional(texts),
  Cmd: optional(texts),
  Volumes: optional(record(emptyObject)),
  WorkingDir: optional(text),
  Labels: optional(stringMap),
  StopSignal: optional(text),
  ArgsEscaped: optional(boolean),
  Healthcheck: optional(healthcheck),
  OnBuild: optional(texts),
  Shell: optional(texts),
  StopTimeout: optional(integer(-1, 2 ** 31 - 1)),
});

const history = object<History>({
  created: optional(text),
  created_by: optional(text),
  author: optional(text),
  comment: optional(text),
  empty_layer: optional(boolean),
});

const imageConfig = object<ImageConfig>({
  created: optional(text),
  author: optional(text),
  architecture: required(nonEmpty),
  os: required(nonEmpty),
  "os.version": optional(text),
  "os.features": optional(texts),
  variant: optional(text),
  config: optional(containerDefaults),
  rootfs: required(
    object<ImageConfig["rootfs"]>({
      type: required(oneOf("layers")),
      diff_ids: required(arrayOrNull(digest, maxLayers)),
    }),
  ),
  history: optional(array(history)),
  docker_version: optional(text),
});

const imageLayout = object<ImageLayout>({ imageLayoutVersion: required(oneOf("1.0.0")) });

/**
 * Read an image manifest: JSON text or bytes, or a value that somebody parsed already. The result is a
 * copy without unknown fields; keep the bytes, which the digest covers.
 *
 * @param expectedType  What a registry's Content-Type or a descriptor promised.
 * @throws {OciError} `ERR_OCI_MEDIA_TYPE` for a document that is an index, or an index as well
 *   (CVE-2021-41190), or says to be something else than `expectedType`; `ERR_OCI_JSON`,
 *   `ERR_OCI_LIMIT`, `ERR_OCI_INVALID` and `ERR_OCI_DIGEST`, all with the path of the field.
 * @see image-spec manifest.md
 */
export function parseManifest(input: unknown, expectedType?: string): Manifest {
  const value = documentOf(input, maxManifestBytes);
  refuseOtherKind(value, "manifest", ["manifests"]);
  const result = manifest(value, undefined);
  checkType(result.mediaType, expectedType, "an image manifest", isManifestType);
  return result;
}

/** Read an image index. Everything said at `parseManifest` holds. @see image-spec image-index.md */
export function parseIndex(input: unknown, expectedType?: string): Index {
  const value = documentOf(input, maxManifestBytes);
  refuseOtherKind(value, "index", ["config", "layers", "fsLayers", "blobs"]);
  const result = index(value, undefined);
  checkType(result.mediaType, expectedType, "an image index", isIndexType);
  return result;
}

/** Read an image config. @throws {OciError} with the path of the field. @see image-spec config.md */
export function parseImageConfig(input: unknown): ImageConfig {
  return imageConfig(documentOf(input, maxImageConfigBytes), undefined);
}

/** Read one descriptor. @throws {OciError} with the path of the field. @see image-spec descriptor.md */
export function parseDescriptor(input: unknown): Descriptor {
  return descriptor(documentOf(input, maxManifestBytes), undefined);
}

/** Read the `oci-layout` file. @throws {OciError} @see image-spec image-layout.md#oci-layout-file */
export function parseImageLayout(input: unknown): ImageLayout {
  return imageLayout(documentOf(input, 4096), undefined);
}

/** JSON text and bytes are read, anything else is taken as the value itself. */
export function documentOf(input: unknown, maxBytes: number): unknown {
  return typeof input === "string" || input instanceof Uint8Array ? parseJson(input, maxBytes) : input;
}

function refuseOtherKind(value: unknown, kind: string, foreign: readonly string[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value))
    if (foreign.some((name) => name.toLowerCase() === key.toLowerCase()))
      throw new OciError(
        "ERR_OCI_MEDIA_TYPE",
        `an image ${kind} has no ${JSON.stringify(key)}: this is another kind of document, or two in one`,
        key,
      );
}

function checkType(
  own: string | undefined,
  promised: string | undefined,
  what: string,
  isRight: (mediaType: string) => boolean,
): void {
  if (own !== undefined && !isRight(own))
    throw new OciError("ERR_OCI_MEDIA_TYPE", `${what} cannot have the media type ${JSON.stringify(own)}`, "mediaType");
  if (promised !== undefined && promised !== (own ?? promised))
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE",
      `promised was ${JSON.stringify(promised)}, the document says ${JSON.stringify(own)}`,
      "mediaType",
    );
  if (promised !== undefined && !isRight(promised))
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE",
      `${what} came where ${JSON.stringify(promised)} was promised`,
      "mediaType",
    );
  // Docker's documents always carry their type; without it only OCI's is meant.
  if (own === undefined && promised !== undefined && promised !== mediaTypes.manifest && promised !== mediaTypes.index)
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE",
      `a document of type ${JSON.stringify(promised)} must say so itself`,
      "mediaType",
    );
}
