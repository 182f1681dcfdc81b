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
      return it.devices.length > 0 ? `--device=${it.devices[0]!.device}` : undefined;
    case "ONBUILD":
      return undefined; // refused by the build that it is done in
    default:
      return undefined;
  }
}
