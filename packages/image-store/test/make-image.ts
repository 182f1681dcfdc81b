import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chainIds, type Descriptor, type Digest, mediaTypes, type Platform, parseDigest } from "@ctr/oci";
import type { ImageStore } from "../src/index.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

export const digestOf = (text: string): Digest => parseDigest(`sha256:${sha256(text)}`);

export interface MadeImage {
  readonly target: Descriptor;
  readonly config: Digest;
  readonly layers: readonly Descriptor[];
  readonly chain: readonly Digest[];
}

/** Write an image whose layers are short texts; its layers' "archives" are the texts themselves. */
export async function makeImage(
  store: ImageStore,
  o: {
    readonly layers: readonly string[];
    readonly label?: string;
    readonly platform?: Platform;
    readonly unpack?: boolean;
  },
): Promise<MadeImage> {
  const layers: Descriptor[] = [];
  for (const text of o.layers) layers.push({ mediaType: mediaTypes.layer, ...(await store.writeBlob(bytesOf(text))) });
  const diffIds = o.layers.map(digestOf);
  const { os, architecture, variant } = o.platform ?? { os: "linux", architecture: "amd64" };
  const config = await store.writeBlob(
    bytesOf({
      os,
      architecture,
      variant,
      config: { Labels: { l: o.label ?? "" } },
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...config },
    layers,
  };
  const target = { mediaType: mediaTypes.manifest, ...(await store.writeBlob(bytesOf(manifest))) };
  const chain = chainIds(diffIds, sha256);
  if (o.unpack !== false) await unpack(store, o.layers);
  return { target, config: config.digest, layers, chain };
}

export async function unpack(store: ImageStore, layers: readonly string[]): Promise<void> {
  const chain = chainIds(layers.map(digestOf), sha256);
  for (const [at, text] of layers.entries()) {
    const parentChainId = chain[at - 1];
    await store.addLayer({
      chainId: chain[at]!,
      diffId: digestOf(text),
      ...(parentChainId === undefined ? {} : { parentChainId }),
      fill: (diff) => writeFile(join(diff, "content"), text),
    });
  }
}

export async function makeIndex(
  store: ImageStore,
  images: readonly (MadeImage & { readonly platform: Platform })[],
): Promise<Descriptor> {
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map(({ target, platform }) => ({ ...target, platform })),
  };
  return { mediaType: mediaTypes.index, ...(await store.writeBlob(bytesOf(index))) };
}
