import type { ArchiveContents } from "./archive-contents.ts";
import type { ArchivedImage } from "./archived-image.ts";
import { type CollectOptions, collectMembers } from "./collect-members.ts";
import { dockerImages } from "./docker-images.ts";
import { type DockerImage, parseDockerManifest } from "./docker-manifest.ts";
import { DocumentReader, readAs } from "./document-reader.ts";
import { ImageArchiveError } from "./image-archive-error.ts";
import { layoutImages } from "./layout-images.ts";

export interface ReadImageArchiveOptions extends CollectOptions {}

/**
 * Read an image archive from a stream: what `docker save` writes in any version, `podman save`, skopeo's
 * `docker-archive:` and `oci-archive:`, and every tar of an OCI layout, compressed or not.
 *
 * Blobs go to `sink` as they come; the documents that say what they are may come last. The result is returned
 * when every image is known to be whole: each document and blob that it names is in the sink, has the size and
 * the digest that are promised, and there are as many layers as diff ids. The diff ids of compressed layers are
 * left to whoever unpacks them.
 *
 * Memory does not grow with the archive. After an error the sink may have blobs that nothing names.
 *
 * @throws {ImageArchiveError}, what `archive` or `sink` throws, or the signal's reason
 */
export async function readImageArchive(o: ReadImageArchiveOptions): Promise<readonly ArchivedImage[]> {
  const contents = await collectMembers(o);
  const documents = new DocumentReader(contents, o.sink);
  const docker = await dockerList(contents);
  if (contents.documents.has("index.json")) return layoutImages(contents, documents, docker ?? []);
  if (docker !== undefined) return dockerImages(contents, documents, o.sink, docker);
  throw new ImageArchiveError(
    "ERR_IMAGE_ARCHIVE_FORMAT",
    "the archive has neither index.json nor manifest.json, so it is no image archive; the files of a container become an image with import",
  );
}

async function dockerList(contents: ArchiveContents): Promise<readonly DockerImage[] | undefined> {
  const bytes = contents.documents.get("manifest.json");
  return bytes === undefined ? undefined : readAs("manifest.json", () => bytes, parseDockerManifest);
}
