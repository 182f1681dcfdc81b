import { createHash } from "node:crypto";
import {
  type Descriptor,
  type Digest,
  encodeJson,
  isDigest,
  type JsonValue,
  layerCompression,
  mediaTypes,
} from "@ctr/oci";
import { BuilderError } from "./builder-error.ts";
import type { CacheRecord } from "./cache-record.ts";
import { type Ingredient, keyText, type StepParts } from "./step-parts.ts";

//  { "version": 1, "steps": [ { "stage", "ordinal", "key", "parts", "created", "layer": { "diffId", "size", … , "blob" } } ],
//    "mounts": [ { "id", "base", "blob" } ] }
//
//  A cache is data from elsewhere. What it says of a step is believed as far as its key goes: whoever imports a cache
//  trusts its author with the results. It names no place in the store: chain ids are computed here, from what lies below.

const version = 1;
const maxBytes = 64 << 20;
const maxSteps = 100_000;
const maxMounts = 100;

/** What another machine knows. */
export interface CacheDocument {
  readonly steps: readonly ImportedStep[];
  readonly mounts: readonly ExportedMount[];
}

/** The files of a `RUN --mount=type=cache`. */
export interface ExportedMount {
  readonly id: string;
  /** What it began with. */
  readonly base: string;
  readonly blob: Descriptor;
}

/** A step of another machine. */
export interface ImportedStep {
  readonly stage: string;
  readonly ordinal: number;
  readonly key: string;
  /** Absent in a cache that is inside an image. */
  readonly parts: StepParts | undefined;
  readonly created: string;
  readonly layer: ImportedLayer | undefined;
}

export interface ImportedLayer {
  readonly diffId: Digest;
  readonly size: number;
  readonly files: number;
  readonly sourceDateEpoch: number | undefined;
  readonly blob: Descriptor;
}

/**
 * @param o.blobOf  The archive of a layer.
 * @param o.withParts  Without them, a miss elsewhere cannot be explained, but the document stays small.
 */
export function encodeCache(
  records: readonly CacheRecord[],
  o: {
    readonly blobOf: (diffId: Digest) => Descriptor;
    readonly withParts: boolean;
    readonly mounts?: readonly ExportedMount[];
  },
): string {
  const steps = records.map(({ stage, ordinal, key, parts, result }) => {
    const { layer, created } = result;
    const shown = layer && {
      diffId: layer.diffId,
      size: layer.size,
      files: layer.files,
      ...(layer.sourceDateEpoch === undefined ? {} : { sourceDateEpoch: layer.sourceDateEpoch }),
      blob: o.blobOf(layer.diffId),
    };
    return { stage, ordinal, key, ...(o.withParts ? { parts } : {}), created, ...(shown && { layer: shown }) };
  });
  const { mounts = [] } = o;
  return encodeJson({ version, steps, ...(mounts.length === 0 ? {} : { mounts }) });
}

/** @throws {BuilderError} `ERR_BUILDER_CACHE` for what no build wrote */
export function decodeCache(bytes: Uint8Array): CacheDocument {
  if (bytes.length > maxBytes) throw wrong(`it has more than ${maxBytes} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw wrong("it is no JSON", cause);
  }
  const { version: found, steps, mounts = [] } = fields(document, "the document");
  if (found !== version)
    throw wrong(`it has format ${JSON.stringify(found)?.slice(0, 40)}, this program reads ${version}`);
  return { steps: list(steps, "steps", maxSteps).map(stepOf), mounts: list(mounts, "mounts", maxMounts).map(mountOf) };
}

function stepOf(value: unknown): ImportedStep {
  const step = fields(value, "a step");
  const key = text(step.key, "key");
  if (!/^[0-9a-f]{64}$/.test(key)) throw wrong("a key is no digest");
  const parts = step.parts === undefined ? undefined : partsOf(step.parts);
  // Parts explain a key; those of another one would explain it wrongly.
  if (parts !== undefined && createHash("sha256").update(keyText(parts)).digest("hex") !== key)
    throw wrong(`the parts of step ${key.slice(0, 12)} are not those of its key`);
  const created = text(step.created, "created");
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(created)) throw wrong("a time is none");
  const layer = step.layer === undefined ? undefined : layerOf(step.layer);
  return { stage: text(step.stage, "stage"), ordinal: count(step.ordinal, "ordinal"), key, parts, created, layer };
}

function layerOf(value: unknown): ImportedLayer {
  const { diffId, size, files, sourceDateEpoch, blob } = fields(value, "a layer");
  return {
    diffId: digestOf(diffId),
    size: count(size, "size"),
    files: count(files, "files"),
    sourceDateEpoch: sourceDateEpoch === undefined ? undefined : count(sourceDateEpoch, "sourceDateEpoch"),
    blob: blobOf(blob),
  };
}

function blobOf(value: unknown): Descriptor {
  const { mediaType, digest, size } = fields(value, "a blob");
  if (layerCompression(text(mediaType, "mediaType")) !== "gzip") throw wrong("a layer is not compressed with gzip");
  return { mediaType: mediaTypes.layerGzip, digest: digestOf(digest), size: count(size, "size") };
}

function mountOf(value: unknown): ExportedMount {
  const { id, base, blob } = fields(value, "a cache mount");
  return { id: text(id, "id"), base: text(base, "base"), blob: blobOf(blob) };
}

function partsOf(value: unknown): StepParts {
  const parts = fields(value, "parts");
  const base = parts.base === undefined ? undefined : fields(parts.base, "base");
  return {
    source: text(parts.source, "source"),
    operation: parts.operation as JsonValue,
    parent: text(parts.parent, "parent"),
    base: base && { name: text(base.name, "name"), id: text(base.id, "id") },
    platform: text(parts.platform, "platform"),
    inputs: list(parts.inputs, "inputs", Number.POSITIVE_INFINITY).map((input) => {
      const [path, digest] = list(input, "an input", 2);
      return [text(path, "a path"), text(digest, "a digest")];
    }),
    ingredients: list(parts.ingredients, "ingredients", Number.POSITIVE_INFINITY).map(ingredientOf),
    readsAll: parts.readsAll === true,
  };
}

const sources: readonly unknown[] = ["ARG", "ENV", "USER", "WORKDIR", "SHELL", "OPTION"] satisfies Ingredient["from"][];

function ingredientOf(value: unknown): Ingredient {
  const { from, name, line, digest } = fields(value, "an ingredient");
  if (!sources.includes(from)) throw wrong("an ingredient comes from nowhere");
  return {
    from: from as Ingredient["from"],
    name: text(name, "name"),
    line: line === undefined ? undefined : count(line, "line"),
    digest: text(digest, "digest"),
  };
}

function fields(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(`${what} is no object`);
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(`${what} is no list`);
  if (value.length > most) throw wrong(`${what} has more than ${most} items`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw wrong(`${what} is no text`);
  return value;
}

function count(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(`${what} is no number`);
  return value as number;
}

function digestOf(value: unknown): Digest {
  if (typeof value !== "string" || !isDigest(value)) throw wrong("a digest is none");
  return value;
}

function wrong(why: string, cause?: unknown): BuilderError {
  return new BuilderError({ code: "ERR_BUILDER_CACHE", message: `this is no build cache: ${why}`, cause });
}
