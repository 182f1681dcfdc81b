import type { Instruction } from "@ctr/dockerfile";
import { BuilderError, placeOf } from "./builder-error.ts";

/**
 * Refuse what the language has and this builder has not: a flag that is left out of a build without a word makes
 * another image than its author wrote.
 *
 * @throws {BuilderError} `ERR_BUILDER_UNSUPPORTED`
 */
export function refuseUnsupported(instruction: Instruction): void {
  const found = unsupported(instruction);
  if (found === undefined) return;
  const flag = found.startsWith("--") ? instruction.flags.find((one) => found.startsWith(`--${one.name}`)) : undefined;
  throw new BuilderError({
    code: "ERR_BUILDER_UNSUPPORTED",
    message: `${instruction.name} ${found} is not supported yet`,
    place: placeOf(flag ?? instruction, instruction.file),
  });
}

function unsupported(it: Instruction): string | undefined {
  switch (it.name) {
    case "RUN":
      if (it.mounts.length > 0) return `--mount=${it.mounts[0]!.text}`;
      if (it.security !== "sandbox") return `--security=${it.security}`;
      return it.devices.length > 0 ? `--device=${it.devices[0]!.device}` : undefined;
    case "COPY":
      if (it.parents) return "--parents";
      return transferFlag(it);
    case "ADD":
      if (it.checksum !== undefined) return "--checksum";
      if (it.keepGitDir !== undefined) return "--keep-git-dir";
      return transferFlag(it);
    case "ONBUILD":
      return undefined; // refused by the build that it is done in
    default:
      return undefined;
  }
}

function transferFlag(it: { readonly link: boolean; readonly exclude: readonly unknown[] }): string | undefined {
  if (it.link) return "--link";
  return it.exclude.length > 0 ? "--exclude" : undefined;
}

/** What ADD takes from elsewhere than the context. */
export function remoteSource(source: string): "URL" | "git repository" | undefined {
  if (/^(?:https?|ftp):\/\//i.test(source)) return /\.git(?:[#?].*)?$/.test(source) ? "git repository" : "URL";
  if (/^(?:git@|git:\/\/|ssh:\/\/)/.test(source)) return "git repository";
  return undefined;
}
