import { type Digest, makeDigest } from "./digest.ts";

/** SHA-256 of a text's UTF-8 bytes, in lower-case hexadecimal. */
export type Sha256 = (text: string) => string;

/**
 * The chain ids of a stack of layers, oldest first: each names a layer together with everything below
 * it, so equal chain ids are equal directories.
 *
 * @param diffIds  Digests of the unpacked layer archives, oldest first.
 * @param sha256  The hash function; this package has none of its own, so that it runs anywhere.
 * @see image-spec config.md#layer-chainid
 */
export function chainIds(diffIds: readonly Digest[], sha256: Sha256): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : makeDigest("sha256", sha256(`${parent} ${diffId}`)));
  }
  return chain;
}
