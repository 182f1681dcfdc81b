/** The parts of a platform that checks look at, normalized. */
export interface PlatformParts {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const systems =
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos".split(
    " ",
  );
const architectures =
  "386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  );
const otherNames = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
  ["armhf", "arm"],
  ["armel", "arm"],
  ["i386", "386"],
  ["macos", "darwin"],
]);

const normal = (text: string): string => otherNames.get(text.toLowerCase()) ?? text.toLowerCase();

/**
 * Read `linux/amd64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`, or one of the two alone.
 *
 * @returns The parts, or why there are none.
 * @see https://github.com/containerd/platforms
 */
export function parsePlatform(text: string, fallback: PlatformParts): PlatformParts | string {
  const parts = text.split("/");
  for (const [index, part] of parts.entries()) {
    if (/^[\w.-]+$/.test(index === 0 ? part.replace(/\([\w.]*\)$/, "") : part)) continue;
    const quoted = [part, text].map((one) => JSON.stringify(one));
    return `${quoted[0]} is an invalid component of ${quoted[1]}: platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument`;
  }
  const [first = "", second, third, ...more] = parts;
  const os = normal(first.replace(/\(.*$/, ""));
  if (more.length > 0) return `${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`;
  if (second !== undefined) return { os, architecture: normal(second), variant: third ?? "" };
  if (systems.includes(os)) return { ...fallback, os };
  if (architectures.includes(os)) return { ...fallback, architecture: os, variant: "" };
  return `${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`;
}

export function formatPlatform({ os, architecture, variant }: PlatformParts): string {
  return [os, architecture, variant].filter((part) => part !== "").join("/");
}
