import type { Descriptor, Platform } from "./image-spec.ts";
import { quote } from "./json.ts";
import { OciError } from "./oci-error.ts";

const operatingSystems = new Set([
  "linux",
  "windows",
  "darwin",
  "freebsd",
  "netbsd",
  "openbsd",
  "solaris",
  "illumos",
  "android",
  "aix",
  "zos",
]);

// What uname(2) and packagers call a machine, and what Go, hence OCI, calls it.
const architectures: Readonly<Record<string, { readonly architecture: string; readonly variant?: string }>> = {
  i386: { architecture: "386" },
  i686: { architecture: "386" },
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
};

/**
 * Read `os[/architecture[/variant]]` or an architecture alone, as `--platform` takes it.
 *
 * @param host  Fills in what is not said.
 * @throws {OciError} `ERR_OCI_PLATFORM`
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.split("/");
  if (text.length > 200 || parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(part)))
    throw new OciError(
      "ERR_OCI_PLATFORM",
      `invalid platform ${quote(text)}: expected os/architecture/variant, like linux/arm64`,
    );
  const [first = "", architecture, variant] = parts;
  if (architecture !== undefined)
    return normalizePlatform({ os: first, architecture, ...(variant === undefined ? {} : { variant }) });
  const os = first.toLowerCase();
  return operatingSystems.has(os)
    ? normalizePlatform({ ...host, os })
    : normalizePlatform({ os: host.os, architecture: first });
}

/** One spelling for each platform: `x86_64` is `amd64`, `arm64/v8` is `arm64`, an `arm` alone is `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  const known = Object.hasOwn(architectures, named) ? architectures[named] : undefined;
  const architecture = known?.architecture ?? named;
  const variant = normalizeVariant(architecture, known?.variant ?? (platform.variant ?? "").toLowerCase());
  const { variant: _, ...rest } = platform;
  return { ...rest, os: os === "macos" ? "darwin" : os, architecture, ...(variant === "" ? {} : { variant }) };
}

function normalizeVariant(architecture: string, variant: string): string {
  const spelled = /^[0-9]/.test(variant) ? `v${variant}` : variant;
  if (architecture === "386") return "";
  if (architecture === "amd64" && spelled === "v1") return "";
  if (architecture === "arm64" && (spelled === "v8" || spelled === "v8.0")) return "";
  if (architecture === "arm" && spelled === "") return "v7";
  return spelled;
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join("/");
}

/**
 * What a machine runs, best first: its own platform, then what it is compatible with.
 * `arm/v7` → v7, v6, v5. `arm64/v9` → v9, v8.5 … v8, then 32-bit `arm`. `amd64/v3` → v3, v2, v1, then `386`.
 */
export function platformPreference(platform: Platform): readonly Platform[] {
  const own = normalizePlatform(platform);
  const { variant, ...rest } = own;
  const as = (architecture: string, wanted?: string): Platform =>
    normalizePlatform({ ...rest, architecture, ...(wanted === undefined ? {} : { variant: wanted }) });
  switch (own.architecture) {
    case "amd64":
      return [own, ...below(variant ?? "v1", 1).map((lower) => as("amd64", lower)), as("386")];
    case "arm":
      return [own, ...below(variant ?? "v7", 5).map((lower) => as("arm", lower))];
    case "arm64":
      return [
        own,
        ...arm64Below(variant ?? "v8").map((lower) => as("arm64", lower)),
        ...platformPreference(as("arm", "v8")),
      ];
    default:
      return [own];
  }
}

/** `v7` → `v6`, `v5` */
function below(variant: string, lowest: number): readonly string[] {
  const version = /^v([1-9])$/.exec(variant)?.[1];
  if (version === undefined) return [];
  return Array.from({ length: Math.max(Number(version) - lowest, 0) }, (_, step) => `v${Number(version) - 1 - step}`);
}

/** Armv9.x includes Armv8.(x+5). */
function arm64Below(variant: string): readonly string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant);
  if (match === null) return [];
  const minor = Number(match[2] ?? 0);
  const minors = (major: string, from: number): string[] =>
    Array.from({ length: from + 1 }, (_, step) => (from - step === 0 ? `v${major}` : `v${major}.${from - step}`));
  return match[1] === "8" ? minors("8", minor).slice(1) : [...minors("9", minor).slice(1), ...minors("8", minor + 5)];
}

/** Whether a machine of platform `host` runs an image for `image`. */
export function matchesPlatform(image: Platform, host: Platform): boolean {
  return rankOf(image, platformPreference(host)) >= 0;
}

/**
 * The descriptor that suits `host` best, or undefined. Of equals the first; one without a platform never suits.
 *
 * @param strict  Take the platform itself only, as an explicit `--platform` means it.
 */
export function selectPlatform(o: {
  readonly manifests: readonly Descriptor[];
  readonly host: Platform;
  readonly strict?: boolean;
}): Descriptor | undefined {
  const preference = o.strict === true ? [normalizePlatform(o.host)] : platformPreference(o.host);
  let best: { readonly rank: number; readonly manifest: Descriptor } | undefined;
  for (const manifest of o.manifests) {
    const rank = manifest.platform === undefined ? -1 : rankOf(manifest.platform, preference);
    if (rank >= 0 && (best === undefined || rank < best.rank)) best = { rank, manifest };
  }
  return best?.manifest;
}

function rankOf(image: Platform, preference: readonly Platform[]): number {
  const { os, architecture, variant } = normalizePlatform(image);
  return preference.findIndex((p) => p.os === os && p.architecture === architecture && p.variant === variant);
}
