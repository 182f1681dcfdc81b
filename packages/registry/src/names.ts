import { type Digest, isDigest } from "@ctr/oci";
import { printable, RegistryError } from "./registry-error.ts";

// Repository names and tags become parts of URLs, and of file names on the server's side, so both sides
// hold them to the specification's grammar before they are used.

const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const tag = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const maxRepository = 255;

/** @see distribution-spec spec.md#pulling-manifests, the grammar of `<name>` */
export function isRepository(text: string): boolean {
  return text.length <= maxRepository && text.split("/").every((part) => component.test(part));
}

/** @see distribution-spec spec.md#pulling-manifests, the grammar of `<reference>` as a tag */
export function isTag(text: string): boolean {
  return tag.test(text);
}

/** A manifest's place: a repository, and a tag or a digest. */
export interface ManifestName {
  readonly repository: string;
  readonly reference: string;
}

/** @throws {RegistryError} `ERR_REGISTRY_ARGUMENT` */
export function checkRepository(host: string, text: string): string {
  if (isRepository(text)) return text;
  throw new RegistryError("ERR_REGISTRY_ARGUMENT", `${JSON.stringify(printable(text))} is no repository name`, {
    host,
  });
}

/** @throws {RegistryError} `ERR_REGISTRY_ARGUMENT` */
function checkTag(host: string, text: string): string {
  if (isTag(text)) return text;
  throw new RegistryError("ERR_REGISTRY_ARGUMENT", `${JSON.stringify(printable(text))} is no tag`, { host });
}

/** @throws {RegistryError} `ERR_REGISTRY_ARGUMENT` */
export function checkManifestName(host: string, name: ManifestName): ManifestName & { readonly digest?: Digest } {
  const repository = checkRepository(host, name.repository);
  if (isDigest(name.reference)) return { repository, reference: name.reference, digest: name.reference };
  return { repository, reference: checkTag(host, name.reference) };
}

/** `app:1.2` or `app@sha256:…`, for messages. */
export function manifestLabel(name: ManifestName): string {
  return `manifest ${name.repository}${isDigest(name.reference) ? "@" : ":"}${name.reference}`;
}
