import { defaultCapabilities } from "./default-set.ts";
import { allCapabilities, capabilityNames } from "./names.ts";

/**
 * A mask in a few words, for `--explain` and error messages: the shortest of a plain list, a difference from
 * Docker's default set and a difference from everything.
 *
 * @example describe(defaultCapabilities | 1n << 12n) // "the default set plus NET_ADMIN"
 */
export function describe(mask: bigint): string {
  if (mask === 0n) return "none";
  const ways = [
    shortNames(mask).join(", "),
    difference("the default set", defaultCapabilities, mask),
    difference("all", allCapabilities, mask),
  ];
  return ways.reduce((best, way) => (way.length < best.length ? way : best));
}

function difference(what: string, base: bigint, mask: bigint): string {
  const more = shortNames(mask & ~base).join(", ");
  const less = shortNames(base & ~mask).join(", ");
  return [what, more && `plus ${more}`, less && `without ${less}`].filter((part) => part !== "").join(" ");
}

/** Names without CAP_; a bit from a newer kernel is shown by its number. */
function shortNames(mask: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0, rest = BigInt.asUintN(64, mask); rest !== 0n; bit++, rest >>= 1n)
    if ((rest & 1n) === 1n) names.push(capabilityNames[bit]?.slice("CAP_".length) ?? `bit ${bit}`);
  return names;
}
