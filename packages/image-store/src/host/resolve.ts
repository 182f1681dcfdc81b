import {
  type Digest,
  formatPlatform,
  formatReference,
  fullName,
  type Platform,
  parseReference,
  type Reference,
  selectPlatform,
} from "@ctr/oci";
import { ImageStoreError } from "../image-store-error.ts";
import type { ImageVariant, ResolvedImage, StoredImage } from "../stored-image.ts";
import type { Context } from "./context.ts";
import { all, one } from "./database.ts";
import { loadImage } from "./images.ts";

/** An image, and the variant if an id named one. */
export interface Found {
  readonly image: StoredImage;
  readonly variant?: ImageVariant;
  /** The name that led here, in full; absent when an id did. */
  readonly name?: string;
}

/**
 * Find an image as Docker does: by name, else by id or the beginning of one. The id of an image is the
 * digest of its config; digests of manifests and indexes are found as well.
 *
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_AMBIGUOUS`
 */
export function findImage(context: Context, text: string): Found {
  const found = findByName(context, text) ?? findById(context, text);
  if (found === undefined) throw new ImageStoreError("ERR_IMAGE_NOT_FOUND", `No such image: ${printable(text)}`);
  return found;
}

/**
 * Find an image and what of it runs on `platform`.
 *
 * @param platform  Must fit exactly when given; otherwise the best for this machine is taken.
 * @throws {ImageStoreError} `ERR_IMAGE_NOT_FOUND`, `ERR_IMAGE_AMBIGUOUS`, `ERR_IMAGE_PLATFORM`
 */
export function resolveImage(context: Context, text: string, platform?: Platform): ResolvedImage {
  const { image, variant: named } = findImage(context, text);
  const variant = named ?? bestVariant(image, platform);
  if (variant !== undefined) return { image, variant };
  const here = image.variants.map((v) => formatPlatform(v.platform)).join(", ") || "nothing to run";
  throw new ImageStoreError(
    "ERR_IMAGE_PLATFORM",
    `image ${printable(text)} has ${here}, not ${formatPlatform(platform ?? thisPlatform())}; pull it for that platform`,
  );
}

/** What this machine runs. */
export function thisPlatform(): Platform {
  const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };
  return { os: process.platform, architecture: architectures[process.arch] ?? process.arch };
}

/** What of an image is for `platform`, this machine's unless said otherwise; undefined when nothing is. */
export function bestVariant(image: StoredImage, platform?: Platform): ImageVariant | undefined {
  const manifests = image.variants.map((variant) => ({ ...variant.manifest, platform: variant.platform }));
  const host = platform ?? thisPlatform();
  const selected = selectPlatform({ manifests, host, strict: platform !== undefined });
  const variant = image.variants.find(({ manifest }) => manifest.digest === selected?.digest);
  // An image for one foreign platform is what its user asked for; the kernel may know an interpreter for it.
  return variant ?? (platform === undefined && image.variants.length === 1 ? image.variants[0] : undefined);
}

function findByName(context: Context, text: string): Found | undefined {
  const reference = referenceOf(text);
  if (reference === undefined) return undefined;
  const name = nameOf(reference);
  const row =
    one(context.database, "SELECT target FROM image_name WHERE name = ?", name) ?? sameRepository(context, reference);
  const image = row === undefined ? undefined : loadImage(context, row.target as Digest);
  return image === undefined ? undefined : { image, name };
}

function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined; // then it may be an id
  }
}

/** The key of a name in the store. A digest says it all, so a tag beside it is left out. */
export function nameOf(reference: Reference): string {
  const { tag: _, ...digestOnly } = reference;
  return formatReference(reference.digest === undefined ? reference : digestOnly);
}

/** `busybox@sha256:…` also finds the image that was pulled as `busybox:1`. */
function sameRepository(context: Context, reference: Reference): { readonly target: Digest } | undefined {
  if (reference.digest === undefined) return undefined;
  const prefix = `${fullName(reference)}:`;
  const names = all(context.database, "SELECT name FROM image_name WHERE target = ?", reference.digest);
  if (names.some(({ name }) => (name as string).startsWith(prefix))) return { target: reference.digest };
  const known = one(context.database, "SELECT target FROM image_repo_digest WHERE reference = ?", nameOf(reference));
  return known === undefined ? undefined : { target: known.target as Digest };
}

function findById(context: Context, text: string): Found | undefined {
  const match = /^(?:(sha256|sha512):)?([0-9a-f]{1,128})$/.exec(text);
  if (match === null) return undefined;
  const from = `${match[1] ?? "sha256"}:${match[2]}`;
  const to = `${from}g`; // "g" follows every hexadecimal digit
  const targets = all(context.database, "SELECT digest FROM image_target WHERE digest >= ? AND digest < ?", from, to);
  const variants = all(
    context.database,
    "SELECT manifest, config FROM image_variant WHERE (config >= ?1 AND config < ?2) OR (manifest >= ?1 AND manifest < ?2)",
    from,
    to,
  );
  const ids = new Set([
    ...variants.map((row) => row.config),
    ...targets.map((row) => configOf(context, row.digest as Digest)),
  ]);
  if (ids.size > 1)
    throw new ImageStoreError(
      "ERR_IMAGE_AMBIGUOUS",
      `several images have an id that begins with ${text}: give more digits`,
    );
  if (targets[0] !== undefined) return wrap(loadImage(context, targets[0].digest as Digest));
  return variants[0] === undefined ? undefined : findVariant(context, variants[0].manifest as Digest);
}

function wrap(image: StoredImage | undefined): Found | undefined {
  return image === undefined ? undefined : { image };
}

/** So that a manifest and its own config are not two candidates. */
function configOf(context: Context, target: Digest): string {
  const row = one(context.database, "SELECT config FROM image_variant WHERE manifest = ?", target);
  return (row?.config as string | undefined) ?? target;
}

/** A manifest as part of a target; by itself before as part of an index, older before newer. */
function findVariant(context: Context, manifest: Digest): Found | undefined {
  const rows = all(
    context.database,
    `WITH RECURSIVE above(digest) AS (
       VALUES (?) UNION SELECT parent FROM image_link JOIN above ON child = digest)
     SELECT digest FROM above JOIN image_target USING (digest) ORDER BY digest <> ?, added_at LIMIT 1`,
    manifest,
    manifest,
  );
  const image = rows[0] === undefined ? undefined : loadImage(context, rows[0].digest as Digest);
  const variant = image?.variants.find((candidate) => candidate.manifest.digest === manifest);
  return image === undefined || variant === undefined ? undefined : { image, variant };
}

/** Text from a command line, safe to print. */
function printable(text: string): string {
  return JSON.stringify(text.slice(0, 300)).slice(1, -1);
}
