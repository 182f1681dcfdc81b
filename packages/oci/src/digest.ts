import { OciError } from "./oci-error.ts";

declare const digestBrand: unique symbol;

/** A checked content digest, `sha256:<64 hex>` or `sha512:<128 hex>`: safe to use as a path component pair. */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = "sha256" | "sha512";

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/**
 * Check a digest. Only the two registered algorithms, lower-case hexadecimal and the exact length are
 * taken, because a digest becomes a file name (CVE-2014-9358, CVE-2024-3727).
 *
 * @throws {OciError} `ERR_OCI_DIGEST`
 * @see image-spec descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text))
    throw new OciError(
      "ERR_OCI_DIGEST",
      `invalid digest ${JSON.stringify(text.slice(0, 200))}: expected "sha256:" and 64, or "sha512:" and 128, digits of 0-9 a-f`,
    );
  return text;
}

export function isDigest(text: string): text is Digest {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

/** A digest from the parts that a hash function gives. @throws {OciError} `ERR_OCI_DIGEST` */
export function makeDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hexadecimal half: the file name in an image layout. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.length - hexLength[digestAlgorithm(digest)]);
}
