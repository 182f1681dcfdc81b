export type { Blob, BlobSource } from "./host/blobs.ts";
export type { LayerDirectories } from "./host/context.ts";
export type { DiskUsage, ImageUsage } from "./host/disk-usage.ts";
export type { Tidied } from "./host/housekeeping.ts";
export type { AddLayerOptions } from "./host/layers.ts";
export { thisPlatform } from "./host/resolve.ts";
export { type ImageStore, type OpenStoreOptions, openStore } from "./host/store.ts";
export { ImageStoreError, type ImageStoreErrorCode, isImageStoreError } from "./image-store-error.ts";
export type { ImageVariant, Removal, ResolvedImage, StoredImage, StoredLayer } from "./stored-image.ts";
