import { expandInstruction, type Instruction, parseInstruction } from "@ctr/dockerfile";
import type { ContainerDefaults } from "@ctr/oci";
import { BuilderError, placeOf } from "./builder-error.ts";
import { applySetting, type Setting, SettingFailure } from "./image-settings.ts";
import { imageVariables, Variables } from "./variables.ts";

type Change = Extract<Instruction, { readonly name: Setting["name"] }>;

/** What Docker takes for a change of an image without a build: no files, and no SHELL. */
const changeNames: ReadonlySet<string> = new Set([
  ...["CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD"],
  ...["STOPSIGNAL", "USER", "VOLUME", "WORKDIR"],
]);

/**
 * The configuration of an image after instructions, in their order: `--change` of commit and import.
 *
 * @param changes  One Dockerfile instruction each: `CMD ["sh"]`, `ENV A=1 B=$A`.
 * @throws {BuilderError} `ERR_BUILDER_OPERAND`, `ERR_BUILDER_UNSUPPORTED` for an instruction that is no change;
 *   {DockerfileError} for what is no instruction
 */
export function applyChanges(config: ContainerDefaults, changes: readonly string[]): ContainerDefaults {
  let result = config;
  let ownCommand = false;
  for (const text of changes) {
    const change = readChange(text);
    ownCommand ||= change.name === "CMD";
    result = applyChange(result, change, ownCommand);
  }
  return result;
}

function readChange(text: string): Change {
  const instruction = parseInstruction(text, { file: "change" });
  if (isChange(instruction)) return instruction;
  throw new BuilderError({
    code: "ERR_BUILDER_UNSUPPORTED",
    message: `${instruction.name.toLowerCase()} is not a valid change command`,
    place: placeOf(instruction, instruction.file),
  });
}

const isChange = (instruction: Instruction): instruction is Change => changeNames.has(instruction.name);

function applyChange(config: ContainerDefaults, change: Change, ownCommand: boolean): ContainerDefaults {
  const variables = new Variables(imageVariables(config.Env ?? []), new Map(), new Map());
  const setting: Setting = expandInstruction(change, variables.lookup).value;
  if (setting.name === "ENV")
    for (const { key, value } of setting.pairs) {
      if (key === "") throw wrongOperand(change, "ENV names can not be blank");
      variables.setEnv(key, value, change.range.start.line);
    }
  const env = variables.env.map(({ name, value }) => `${name}=${value}`);
  try {
    return applySetting(config, setting, { env, ownCommand });
  } catch (failure) {
    if (!(failure instanceof SettingFailure)) throw failure;
    throw wrongOperand(change, failure.message);
  }
}

function wrongOperand({ source, range, file }: Change, why: string): BuilderError {
  const message = `${source.slice(0, 200)}: ${why}`;
  return new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place: placeOf({ range }, file) });
}
