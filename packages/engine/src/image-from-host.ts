import { createHash } from "node:crypto";
import { busyboxImage, type HostImage, hostImage, nodeImage } from "@ctr/host-image";
import { applyLayer, compress } from "@ctr/layers";
import { chainIds, type Descriptor, type Digest, encodeJson, type ImageConfig, makeDigest, mediaTypes } from "@ctr/oci";
import type { Context } from "./context.ts";

export interface HostImageRequest {
  /** `busybox` and `node` are recipes when they are the only program; anything else is taken as it is. */
  readonly programs: readonly string[];
  /** Files and directories that come along. */
  readonly data?: readonly string[];
  /** For the recipe `busybox`: where a static one is, when it is at no usual place. */
  readonly busybox?: string;
  readonly tags: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Make an image out of programs of this machine, and store it. An image that is there already is only named.
 *
 * @throws {HostImageError} for programs that are not there
 */
export async function imageFromHost(
  context: Context,
  request: HostImageRequest,
): Promise<{ readonly id: Digest; readonly label: string }> {
  const image = await assemble(request);
  const id = await store(context, image, request);
  return { id, label: image.config.config?.Labels?.["org.ctr.from-host"] ?? "programs" };
}

async function store(context: Context, image: HostImage, o: HostImageRequest): Promise<Digest> {
  const config = new TextEncoder().encode(encodeJson(image.config as never));
  const id = makeDigest("sha256", createHash("sha256").update(config).digest("hex"));
  const present = context.store.list().find((one) => one.variants.some((variant) => variant.config === id));
  if (present === undefined) await add(context, image, config, o);
  else for (const name of o.tags) context.store.tag({ image: id, name });
  return id;
}

async function add({ store }: Context, image: HostImage, config: Uint8Array, o: HostImageRequest): Promise<void> {
  const chains = chainIds(
    image.layers.map((layer) => layer.diffId),
    (text) => createHash("sha256").update(text).digest("hex"),
  );
  const layers: Descriptor[] = [];
  for (const [index, layer] of image.layers.entries()) {
    // Level 1: these bytes stay on this machine, and the first minute counts.
    const blob = await store.writeBlob(compress({ source: layer.archive(), format: "gzip", level: 1 }));
    layers.push({ mediaType: mediaTypes.layerGzip, ...blob });
    await store.addLayer({
      chainId: chains[index]!,
      ...(index === 0 ? {} : { parentChainId: chains[index - 1]! }),
      diffId: layer.diffId,
      fill: async (directory) => {
        await applyLayer({ archive: layer.archive(), directory, expectedDiffId: layer.diffId });
      },
    });
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...(await store.writeBlob(config)) },
    layers,
  };
  const blob = await store.writeBlob(new TextEncoder().encode(encodeJson(manifest as never)));
  await store.addImage({ target: { mediaType: mediaTypes.manifest, ...blob }, names: o.tags });
}

function assemble(o: HostImageRequest): Promise<HostImage> {
  const signal = o.signal === undefined ? {} : { signal: o.signal };
  const [only] = o.programs.length === 1 && (o.data ?? []).length === 0 ? o.programs : [];
  if (only === "busybox")
    return busyboxImage({ ...signal, ...(o.busybox === undefined ? {} : { busybox: o.busybox }) });
  if (only === "node") return nodeImage(signal);
  return hostImage({
    programs: o.programs,
    ...(o.data === undefined ? {} : { data: o.data }),
    defaults: defaultsFor(o.programs),
    ...signal,
  });
}

function defaultsFor(programs: readonly string[]): NonNullable<ImageConfig["config"]> {
  const [first] = programs;
  return { ...(first === undefined ? {} : { Cmd: [first] }), Labels: { "org.ctr.from-host": "programs" } };
}
