import { createHash } from "node:crypto";
import { mediaTypes } from "@ctr/oci";

/** A document that a registry could send as a manifest, and must not be taken. */
export interface HostileDocument {
  readonly name: string;
  readonly why: string;
  readonly contentType: string;
  readonly body: () => Iterable<Uint8Array>;
}

const digest = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const config = { mediaType: mediaTypes.config, digest: digest("config"), size: 2 };
const layer = { mediaType: mediaTypes.layerGzip, digest: digest("layer"), size: 3 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };

function* spaces(bytes: number): Generator<Uint8Array> {
  const chunk = Buffer.alloc(64 * 1024, " ");
  for (let left = bytes; left > 0; left -= chunk.length) yield chunk;
}

const text =
  (it: string): (() => Iterable<Uint8Array>) =>
  () => [Buffer.from(it)];
const json = (it: unknown): (() => Iterable<Uint8Array>) => text(JSON.stringify(it));
const repeated = (count: number, one: (number: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, it) => one(it));

/** Classes B5, B7 and B9 of hostile images: what each does wrong is its name. */
export const hostileDocuments: readonly HostileDocument[] = [
  {
    name: "100 MB",
    why: "memory",
    contentType: mediaTypes.manifest,
    body: () => spaces(100 * 1024 * 1024),
  },
  {
    name: "__proto__",
    why: "changes the prototype of a careless reader's objects",
    contentType: mediaTypes.manifest,
    body: text(JSON.stringify(manifest).replace("{", '{"__proto__":{"polluted":true},')),
  },
  {
    name: "duplicate key",
    why: "two readers read two images",
    contentType: mediaTypes.manifest,
    body: text(JSON.stringify(manifest).replace("{", '{"layers":[],')),
  },
  {
    name: "key of another case",
    why: "Go reads it as the same key",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, Layers: [] }),
  },
  {
    name: "manifest and index in one",
    why: "CVE-2021-41190",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, manifests: [{ ...layer, mediaType: mediaTypes.manifest }] }),
  },
  {
    name: "index announced as a manifest",
    why: "CVE-2021-41190",
    contentType: mediaTypes.manifest,
    body: json({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }),
  },
  {
    name: "manifest announced as an index",
    why: "CVE-2021-41190",
    contentType: mediaTypes.index,
    body: json(manifest),
  },
  {
    name: "schema 1",
    why: "its digest does not cover what it names",
    contentType: mediaTypes.dockerSchema1Signed,
    body: json({ schemaVersion: 1, name: "a", fsLayers: [] }),
  },
  {
    name: "schema 1 as schema 2",
    why: "the same, announced wrongly",
    contentType: mediaTypes.dockerManifest,
    body: json({ ...manifest, schemaVersion: 1, mediaType: mediaTypes.dockerManifest }),
  },
  { name: "unknown type", why: "not an image", contentType: "text/html", body: text("<html></html>") },
  {
    name: "no type at all",
    why: "could be anything",
    contentType: "application/json",
    body: json({ schemaVersion: 2, config, layers: [] }),
  },
  { name: "not JSON", why: "garbage", contentType: mediaTypes.manifest, body: text("{") },
  { name: "empty", why: "nothing", contentType: mediaTypes.manifest, body: () => [] },
  {
    name: "deep",
    why: "the stack of a recursive reader",
    contentType: mediaTypes.manifest,
    body: text(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`),
  },
  {
    name: "digest with a path",
    why: "becomes a file name (CVE-2014-9358, CVE-2024-3727)",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: [{ ...layer, digest: `sha256:../../../${"a".repeat(55)}` }] }),
  },
  {
    name: "digest of another algorithm",
    why: "cannot be verified",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: [{ ...layer, digest: `md5:${"a".repeat(32)}` }] }),
  },
  {
    name: "negative size",
    why: "wraps around",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: [{ ...layer, size: -1 }] }),
  },
  {
    name: "5000 layers",
    why: "more than any file system stacks",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: repeated(5000, () => layer) }),
  },
  {
    name: "20,000 manifests",
    why: "one request each",
    contentType: mediaTypes.index,
    body: json({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: repeated(20_000, () => ({ mediaType: mediaTypes.manifest, digest: layer.digest, size: 1 })),
    }),
  },
  {
    name: "config of 100 MB",
    why: "memory",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, config: { ...config, size: 100 * 1024 * 1024 } }),
  },
  {
    name: "unknown layer type",
    why: "nobody can unpack it",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: [{ ...layer, mediaType: "application/x-rar" }] }),
  },
  {
    name: "one layer with two sizes",
    why: "one of them is a lie",
    contentType: mediaTypes.manifest,
    body: json({ ...manifest, layers: [layer, { ...layer, size: 4 }] }),
  },
];
