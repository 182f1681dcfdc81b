export type { ArchivedImage, ArchivedVariant, ArchiveSink, ArchiveSource, Blob } from "./archived-image.ts";
export type { ArchiveLimits } from "./collect-members.ts";
export { MemoryBlobs } from "./host/memory-blobs.ts";
export { ImageArchiveError, type ImageArchiveErrorCode, isImageArchiveError } from "./image-archive-error.ts";
export { type ReadImageArchiveOptions, readImageArchive } from "./read-image-archive.ts";
export { type ImageToWrite, type WriteImageArchiveOptions, writeImageArchive } from "./write-image-archive.ts";
