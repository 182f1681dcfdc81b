import { thisPlatform } from "@ctr/image-store";
import { type Descriptor, isDigest, type Platform, parseReference, type Reference } from "@ctr/oci";
import {
  copyImage,
  type ImageDocument,
  type InspectedImage,
  inspectImage,
  type PushEvent,
  type Registry,
} from "@ctr/registry";
import type { Context } from "./context.ts";
import { connect, tagOrDigest } from "./registry-connection.ts";

export interface CopyRequest {
  readonly from: string;
  /** A name without a tag gets the tag or the digest of `from`. */
  readonly to: string;
  /** Copy all platforms, not only one. */
  readonly all?: boolean;
  /** Default: this machine's, or what it runs as well. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

/** Images on registries, looked at and copied without the store. Everything fails with a `RegistryError`. */
export class RemoteImages {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Copy an image from one registry to another. What is there is not sent. */
  async *copy(o: CopyRequest): AsyncGenerator<PushEvent, void, undefined> {
    const from = parseReference(o.from);
    const to = withTag(o.to, from);
    await using source = await connect(this.#context, from, o.signal);
    await using target = await connect(this.#context, to, o.signal);
    yield* copyImage({
      from: { registry: source, repository: from.path, reference: tagOrDigest(from) },
      to: { registry: target, repository: to.path, reference: tagOrDigest(to) },
      platform: o.all === true ? undefined : (o.platform ?? thisPlatform()),
      strict: o.platform !== undefined,
      signal: o.signal,
    });
  }

  /** @param o.platform  Default: this machine's, or what it runs as well. */
  inspect(
    reference: string,
    o: { readonly platform?: Platform; readonly signal?: AbortSignal } = {},
  ): Promise<InspectedImage> {
    const { platform = thisPlatform(), signal } = o;
    return this.#ask(reference, signal, (registry, place) =>
      inspectImage({ registry, ...nameOf(place), platform, strict: o.platform !== undefined, signal }),
    );
  }

  /** What a name stands for: a manifest or an index, its bytes as they are. */
  resolve(reference: string, o: { readonly signal?: AbortSignal } = {}): Promise<ImageDocument> {
    const { signal } = o;
    return this.#ask(reference, signal, (registry, place) => registry.resolve({ ...nameOf(place), signal }));
  }

  /** The tags of a repository, page by page as they are taken. */
  async *tags(repository: string, o: { readonly signal?: AbortSignal } = {}): AsyncGenerator<string, void, undefined> {
    const place = parseReference(repository);
    await using registry = await connect(this.#context, place, o.signal);
    yield* registry.tags({ repository: place.path, signal: o.signal });
  }

  /** What refers to an image: signatures, attestations and the like. */
  async *referrers(
    reference: string,
    o: { readonly artifactType?: string | undefined; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Descriptor, void, undefined> {
    const place = parseReference(reference);
    await using registry = await connect(this.#context, place, o.signal);
    const name = { ...nameOf(place), signal: o.signal };
    const digest = isDigest(name.reference) ? name.reference : (await registry.resolve(name)).descriptor.digest;
    yield* registry.referrers({ repository: place.path, digest, artifactType: o.artifactType, signal: o.signal });
  }

  async #ask<T>(
    text: string,
    signal: AbortSignal | undefined,
    question: (registry: Registry, place: Reference) => Promise<T>,
  ): Promise<T> {
    const place = parseReference(text);
    await using registry = await connect(this.#context, place, signal);
    return await question(registry, place);
  }
}

const nameOf = (place: Reference): { readonly repository: string; readonly reference: string } => ({
  repository: place.path,
  reference: tagOrDigest(place),
});

function withTag(text: string, from: Reference): Reference {
  const to = parseReference(text);
  if (/[:@][^/]*$/.test(text)) return to;
  const { tag, digest } = from;
  return {
    domain: to.domain,
    path: to.path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
