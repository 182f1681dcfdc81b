import { type CacheSource, type CacheTarget, cacheConfigType, inlineCacheAnnotation } from "@ctr/builder";
import { thisPlatform } from "@ctr/image-store";
import { type Descriptor, formatReference, type Manifest, parseReference, selectPlatform } from "@ctr/oci";
import { isRegistryError, pushImage, type Registry } from "@ctr/registry";
import type { Context } from "./context.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";

const maxDocumentBytes = 64 << 20;

/**
 * A cache on a registry (`type=registry,ref=…`): one that was exported there, or an image that is its own cache.
 *
 * @throws {OciError} for what is no reference
 */
export function registryCacheSource(context: Context, ref: string): CacheSource {
  const reference = parseReference(ref);
  const repository = reference.path;
  return {
    name: formatReference(reference),
    read: async (signal) => {
      await using registry = await connect(context, reference, signal);
      const manifest = await findManifest(registry, { repository, reference: tagOrDigest(reference) }, signal);
      if (manifest?.config.mediaType !== cacheConfigType) {
        const inline = manifest?.annotations?.[inlineCacheAnnotation];
        return inline === undefined ? undefined : Buffer.from(inline);
      }
      return readAll(registry, repository, manifest.config, signal);
    },
    async *fetch(descriptor, signal) {
      await using registry = await connect(context, reference, signal);
      yield* registry.fetchBlob({ repository, descriptor, signal });
    },
  };
}

async function findManifest(
  registry: Registry,
  o: { readonly repository: string; readonly reference: string },
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  try {
    const found = await registry.resolve({ ...o, signal });
    if (found.kind === "manifest") return found.manifest;
    const descriptor = selectPlatform({ manifests: found.index.manifests, host: thisPlatform(), strict: false });
    if (descriptor === undefined) return undefined;
    const chosen = await registry.fetchManifest({ repository: o.repository, descriptor, signal });
    return chosen.kind === "manifest" ? chosen.manifest : undefined;
  } catch (error) {
    // The first build of all finds none.
    if (isRegistryError(error) && error.code === "ERR_REGISTRY_NOT_FOUND") return undefined;
    throw error;
  }
}

async function readAll(
  registry: Registry,
  repository: string,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (descriptor.size > maxDocumentBytes) throw new Error(`the cache has more than ${maxDocumentBytes} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of registry.fetchBlob({ repository, descriptor, signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A registry to export a cache to. @throws {OciError} for what is no reference */
export function registryCacheTarget(
  context: Context,
  ref: string,
  o: Pick<CacheTarget, "mode" | "mounts">,
): CacheTarget {
  const reference = parseReference(ref);
  return {
    ...o,
    name: formatReference(reference),
    write: async ({ manifest: root }, signal) => {
      await using registry = await connect(context, reference, signal);
      const events = pushImage({
        registry,
        repository: reference.path,
        reference: tagOrDigest(reference),
        root,
        source: { open: ({ digest }, start) => context.store.sendBlob(digest, { start }) },
        signal,
      });
      for await (const _ of events);
    },
  };
}
