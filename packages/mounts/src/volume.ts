import type { Mount } from "@ctr/oci";
import { MountsError } from "./mounts-error.ts";

/** `-v` of a container, before anybody has looked whether the source is there. */
export interface Volume {
  /** Absolute path on the host, a relative one ("./src"), or the name of a volume. Absent: an anonymous volume. */
  readonly source: string | undefined;
  readonly target: string;
  readonly readOnly: boolean;
  readonly options: readonly string[];
}

const known = new Set([
  ...["ro", "rw", "z", "Z", "nocopy", "shared", "slave", "private", "rshared", "rslave", "rprivate"],
  ...["exec", "noexec", "suid", "nosuid", "dev", "nodev", "rbind", "bind", "consistent", "cached", "delegated"],
]);

/**
 * Read `[SOURCE:]TARGET[:OPTIONS]`.
 *
 * @throws {MountsError} `ERR_MOUNTS_VOLUME`
 * @see docs.docker.com, "docker run --volume"
 */
export function parseVolume(text: string): Volume {
  const parts = text.split(":");
  const refuse = (why: string): never => {
    throw new MountsError(
      "ERR_MOUNTS_VOLUME",
      `invalid volume specification ${JSON.stringify(text)}: ${why}; write SOURCE:TARGET[:ro]`,
    );
  };
  if (parts.length > 3) refuse("too many colons");
  const [source, target, options] =
    parts.length === 1 ? [undefined, parts[0]!, ""] : [parts[0]!, parts[1]!, parts[2] ?? ""];
  if (source === "") refuse("the source is empty");
  if (!target.startsWith("/")) refuse("the target must be an absolute path");
  if (depth(target) === 0) refuse("the target cannot be the root directory");
  if (text.includes("\0")) refuse("it holds a NUL byte");
  const words = options.split(",").filter((word) => word !== "");
  for (const word of words) if (!known.has(word)) refuse(`unknown option ${JSON.stringify(word)}`);
  return { source, target, readOnly: words.includes("ro"), options: words };
}

/** How many directories a path leads down from the root; above the root is the root. */
function depth(path: string): number {
  let down = 0;
  for (const part of path.split("/")) {
    if (part === "..") down = Math.max(0, down - 1);
    else if (part !== "" && part !== ".") down += 1;
  }
  return down;
}

/** The OCI mount of a volume whose source is a path of the host. */
export function volumeMount(volume: Volume, source: string): Mount {
  // Docker's own words for SELinux, copying and Docker Desktop mean nothing to the kernel.
  const ours = new Set(["z", "Z", "nocopy", "consistent", "cached", "delegated", "ro", "rw", "rbind", "bind"]);
  const rest = volume.options.filter((word) => !ours.has(word));
  const propagation = rest.some((word) => /^r?(shared|slave|private)$/.test(word)) ? [] : ["rprivate"];
  return {
    destination: volume.target,
    type: "bind",
    source,
    options: [
      volume.options.includes("bind") ? "bind" : "rbind",
      volume.readOnly ? "rro" : "rw",
      ...rest,
      ...propagation,
    ],
  };
}

/** Read `--tmpfs TARGET[:OPTIONS]`. @throws {MountsError} `ERR_MOUNTS_VOLUME` */
export function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(":");
  const target = colon < 0 ? text : text.slice(0, colon);
  if (!target.startsWith("/") || text.includes("\0"))
    throw new MountsError(
      "ERR_MOUNTS_VOLUME",
      `invalid tmpfs ${JSON.stringify(text)}: the target must be an absolute path`,
    );
  const words =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(",")
          .filter((word) => word !== "");
  return { destination: target, type: "tmpfs", source: "tmpfs", options: ["noexec", "nosuid", "nodev", ...words] };
}
