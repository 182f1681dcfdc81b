import type { CacheMount, Instruction, Mount, SecretMount, SshMount } from "@ctr/dockerfile";
import type { JsonValue } from "@ctr/oci";
import { BuilderError, type Place } from "./builder-error.ts";
import { absolutePath } from "./container-path.ts";

/** A `--mount` of a RUN, with everything that it left out. */
export interface PlacedMount {
  readonly mount: Mount;
  /** Absolute; undefined for a secret that is only a variable. */
  readonly target: string | undefined;
  readonly place: Place;
}

/**
 * The mounts of a RUN in the order that they are put on: places first, the outer before the inner, then secrets, then
 * sockets, each as written.
 *
 * @throws {BuilderError} `ERR_BUILDER_OPERAND`
 */
export function placeMounts(mounts: readonly Mount[], workdir: string, places: readonly Place[]): PlacedMount[] {
  let agents = 0;
  const placed = mounts.map((mount, index): PlacedMount => {
    const written = mount.type === "ssh" ? (mount.target ?? `/run/buildkit/ssh_agent.${agents}`) : mount.target;
    if (mount.type === "ssh") agents++;
    const target = written === undefined ? undefined : absolutePath(workdir, written);
    const place = places[index]!;
    if (target === "/")
      throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: 'invalid mount target "/"', place });
    return { mount, target, place };
  });
  const rank = ({ mount }: PlacedMount): number => (mount.type === "secret" ? 1 : mount.type === "ssh" ? 2 : 0);
  const byTarget = (a: PlacedMount, b: PlacedMount): number =>
    rank(a) > 0 ? 0 : a.target! < b.target! ? -1 : a.target! > b.target! ? 1 : 0;
  return placed.sort((a, b) => rank(a) - rank(b) || byTarget(a, b));
}

/**
 * What a mount says, for the step's key: no secret's value and nothing of a cache's content.
 *
 * @param content  Chain id of the layers that `from` leads to: what they are called makes no difference.
 */
export function mountOperation({ mount, target = "" }: PlacedMount, content?: string): JsonValue {
  const from = content ?? ("from" in mount ? mount.from : undefined) ?? "";
  switch (mount.type) {
    case "bind":
      return ["bind", target, from, mount.source ?? "", mount.readOnly];
    case "cache":
      return ["cache", target, cacheId(mount), mount.sharing, from, cacheBase(mount), mount.readOnly];
    case "tmpfs":
      return ["tmpfs", target, mount.size ?? null, mount.readOnly];
    case "secret":
      return ["secret", target, mount.id, mount.env ?? "", mount.required, owned(mount, secretMode)];
    case "ssh":
      return ["ssh", target, mount.id, mount.required, owned(mount, agentMode)];
  }
}

/** The stages and images that an instruction takes files from, by name. */
export function namesOfSources(instruction: Instruction): string[] {
  const { name } = instruction;
  const names = name === "COPY" ? [instruction.from] : name === "RUN" ? instruction.mounts.map(mountFrom) : [];
  return names.filter((one) => one !== undefined);
}

/** The stage or image of `--mount=…,from=…`. It takes no variables, so it is known before the step's turn. */
export const mountFrom = ({ text }: { readonly text: string }): string | undefined =>
  /(?:^|,)"?from=([^,"]+)/i.exec(text)?.[1];

export const secretMode = 0o400;
export const agentMode = 0o600;

type Owned = Pick<SecretMount | SshMount, "mode" | "uid" | "gid">;

const owned = ({ mode, uid = 0, gid = 0 }: Owned, otherwise: number): JsonValue => [mode ?? otherwise, uid, gid];

/** A cache that was given no id is called like the place that it was written for. */
export function cacheId(mount: CacheMount): string {
  if (mount.id !== mount.target) return mount.id;
  return absolutePath("/", mount.id).slice(mount.id.startsWith("/") ? 0 : 1);
}

/**
 * What a cache begins with, as far as its flag says: caches of one id that begin with something else are others.
 * Empty for an empty directory of root's.
 */
export function cacheBase({ mode, uid, gid, source }: CacheMount): string {
  const fields = [
    ...(mode === undefined ? [] : [`mode=${mode.toString(8).padStart(4, "0")}`]),
    ...(uid === undefined ? [] : [`uid=${uid}`]),
    ...(gid === undefined ? [] : [`gid=${gid}`]),
    ...(source === undefined || absolutePath("/", source) === "/" ? [] : [`source=${absolutePath("/", source)}`]),
  ];
  return fields.join(",");
}
