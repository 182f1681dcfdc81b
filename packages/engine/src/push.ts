import type { ImageVariant, StoredImage } from "@ctr/image-store";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  isIndexType,
  type Platform,
  parseIndex,
  parseReference,
  selectPlatform,
} from "@ctr/oci";
import { type PushEvent, pushImage } from "@ctr/registry";
import type { Context } from "./context.ts";
import { EngineError } from "./engine-error.ts";
import { Origins } from "./origins.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";

export interface PushRequest {
  /** A name in the store that is also the place to push to. */
  readonly reference: string;
  /** Push only the image for this platform. Default: all that the name stands for. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

export type EnginePushEvent =
  | PushEvent
  /** Other platforms of the index are not here, so the image of one platform goes instead. */
  | { readonly kind: "narrowed"; readonly index: Descriptor; readonly root: Descriptor };

/**
 * Push an image under one of its names. What the registry has is not sent again, and what another of its
 * repositories is known to have is mounted from there.
 *
 * An index goes as a whole when all its platforms are here; when only one is, its image goes alone.
 *
 * @throws {RegistryError} {ImageStoreError} `ERR_IMAGE_NOT_FOUND`
 * @throws {EngineError} `ERR_ENGINE_PLATFORM` when several platforms are here, but not all
 */
export async function* push(context: Context, o: PushRequest): AsyncGenerator<EnginePushEvent, void, undefined> {
  const reference = parseReference(o.reference);
  if (reference.digest !== undefined)
    throw new EngineError("ERR_ENGINE_OPTION", `cannot push a digest reference: name ${o.reference} with a tag`, {
      exitCode: 1,
    });
  const { store } = context;
  const image = store.find(o.reference);
  const root = await rootOf(context, image, o);
  if (root.digest !== image.target.digest && o.platform === undefined)
    yield { kind: "narrowed", index: image.target, root };
  await using registry = await connect(context, reference, o.signal);
  const origins = new Origins(context.database);
  const pushed: Digest[] = [];
  const events = pushImage({
    registry,
    repository: reference.path,
    reference: tagOrDigest(reference),
    root,
    source: { open: ({ digest }, start) => store.sendBlob(digest, { start }) },
    origins: (digest) => origins.of({ host: registry.host, digest }),
    signal: o.signal,
  });
  for await (const event of events) {
    if (event.kind !== "progress" && event.kind !== "done") pushed.push(event.descriptor.digest);
    if (event.kind === "done" && event.sentBytes > 0)
      origins.remember({ host: registry.host, repository: reference.path, digests: pushed });
    yield event;
  }
}

/** What goes out for a name. @throws {EngineError} `ERR_ENGINE_PLATFORM` */
async function rootOf(context: Context, image: StoredImage, o: PushRequest): Promise<Descriptor> {
  const { target, variants } = image;
  if (o.platform !== undefined) return variantFor(image, o.platform).manifest;
  if (!isIndexType(target.mediaType) || (await isWhole(context, target))) return target;
  const [only, ...others] = variants;
  if (only !== undefined && others.length === 0) return only.manifest;
  throw new EngineError(
    "ERR_ENGINE_PLATFORM",
    `the index ${target.digest} of ${o.reference} names more than is here, which is ${platformsOf(image)}: pull the other platforms, or push one with --platform`,
    { exitCode: 1 },
  );
}

/** Whether every manifest that an index names is here. */
async function isWhole(context: Context, index: Descriptor): Promise<boolean> {
  const { manifests } = parseIndex(await context.store.readBlob(index.digest), index.mediaType);
  return manifests.every((it) => context.store.findBlob(it.digest) !== undefined);
}

function variantFor(image: StoredImage, platform: Platform): ImageVariant {
  const manifests = image.variants.map((it) => ({ ...it.manifest, platform: it.platform }));
  const chosen = selectPlatform({ manifests, host: platform, strict: true });
  const variant = image.variants.find((it) => it.manifest.digest === chosen?.digest);
  if (variant !== undefined) return variant;
  throw new EngineError(
    "ERR_ENGINE_PLATFORM",
    `nothing for ${formatPlatform(platform)} is here, only ${platformsOf(image) || "none"}`,
    { exitCode: 1 },
  );
}

const platformsOf = (image: StoredImage): string => image.variants.map((it) => formatPlatform(it.platform)).join(", ");
