/** Length of the names in `l/`: 26 characters, as Docker's, keep 128 layers within a page of options. */
const shortNameLength = 26;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A short name out of random bytes, five bits to a character (RFC 4648, base32). */
export function shortName(random: Uint8Array): string {
  return Array.from(random.subarray(0, shortNameLength), (byte) => alphabet[byte & 31]).join("");
}

export function isShortName(text: string): boolean {
  return /^[A-Z2-7]{26}$/.test(text);
}

/** The text of a layer's `lower` file: the short links of what lies below, newest first. */
export function lowerText(links: readonly string[]): string {
  return links.map((link) => `l/${link}`).join(":");
}

/** The short names in a `lower` file. Anything else in it is refused: the file names what gets mounted. */
export function parseLower(text: string): string[] | undefined {
  const links = text
    .trim()
    .split(":")
    .map((part) => part.replace(/^l\//, ""));
  return links.every(isShortName) ? links : undefined;
}
