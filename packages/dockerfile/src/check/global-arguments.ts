import { isDockerfileError } from "../dockerfile-error.ts";
import { type Environment, expandWord } from "../expand.ts";
import type { Word } from "../tree.ts";
import { formatPlatform, type PlatformParts } from "./platform.ts";
import { CheckStop, type Subject } from "./subject.ts";

/** Values of the ARGs before the first FROM, as `given` sets them. */
export function readGlobalArguments(subject: Subject, given: Readonly<Record<string, string>>): void {
  const values = platformArguments(subject);
  for (const [name, value] of values) if (Object.hasOwn(given, name)) values.set(name, given[name] ?? value);
  addArguments(subject, values, given);
  subject.args = values;
  subject.declared = subject.globalArgs.flatMap(({ args }) => args.map(({ key }) => key.text));
}

/** The same when nobody gives anything. */
export function defaultArguments(subject: Subject): ReadonlyMap<string, string> {
  const values = platformArguments(subject);
  addArguments(subject, values, {});
  return values;
}

/** @see https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope */
function platformArguments(subject: Subject): Map<string, string> {
  const of = (prefix: string, platform: PlatformParts): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant],
  ];
  return new Map([
    ...of("BUILD", subject.build),
    ...of("TARGET", subject.target),
    ["TARGETSTAGE", subject.targetStage],
  ]);
}

function addArguments(subject: Subject, values: Map<string, string>, given: Readonly<Record<string, string>>): void {
  for (const instruction of subject.globalArgs) {
    for (const { key, value } of instruction.args) {
      const set = Object.hasOwn(given, key.text) ? given[key.text] : expanded(value, values, instruction);
      if (set !== undefined) values.set(key.text, set);
    }
  }
}

function expanded(
  word: Word | undefined,
  values: ReadonlyMap<string, string>,
  instruction: Subject["globalArgs"][number],
): string | undefined {
  if (word === undefined) return undefined;
  const environment: Environment = (name) => values.get(name);
  try {
    return expandWord(word, environment, instruction).value;
  } catch (error) {
    if (!isDockerfileError(error)) throw error;
    throw new CheckStop(error.message, instruction.range);
  }
}
