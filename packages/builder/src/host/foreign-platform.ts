import { readFileSync } from "node:fs";
import { thisPlatform } from "@ctr/image-store";
import { formatPlatform, matchesPlatform, normalizePlatform, type Platform } from "@ctr/oci";
import { BuilderError, type Place } from "../builder-error.ts";

/** What QEMU calls an architecture, where that differs. */
const qemuNames: Readonly<Record<string, string>> = {
  arm64: "aarch64",
  amd64: "x86_64",
  "386": "i386",
  mips64le: "mips64el",
};

/**
 * Refuse a command for another machine before it fails with an "exec format error" that explains nothing.
 *
 * @throws {BuilderError} `ERR_BUILDER_UNSUPPORTED`
 */
export function refuseForeign(platform: Platform, place: Place): void {
  const host = normalizePlatform(thisPlatform());
  // A variant above the usual one is for the processor to refuse.
  const isOwn = platform.os === host.os && platform.architecture === host.architecture;
  if (isOwn || matchesPlatform(platform, host) || hasInterpreter(platform.architecture)) return;
  const message = `RUN for ${formatPlatform(platform)} cannot be done on ${formatPlatform(host)}: build it on such a machine, or do it in a stage FROM --platform=$BUILDPLATFORM and COPY the result`;
  throw new BuilderError({ code: "ERR_BUILDER_UNSUPPORTED", message, place });
}

/** @see Linux Documentation/admin-guide/binfmt-misc.rst */
function hasInterpreter(architecture: string): boolean {
  const name = qemuNames[architecture] ?? architecture;
  if (!/^[a-z0-9_]+$/.test(name)) return false; // it comes from an image's config
  try {
    return readFileSync(`/proc/sys/fs/binfmt_misc/qemu-${name}`, "utf8").startsWith("enabled");
  } catch {
    return false;
  }
}
