import { isSecretName } from "../check/secret-name.ts";
import type { RunInstruction } from "../instructions/run.ts";
import type { ArgInstruction, EnvInstruction } from "../instructions/variables.ts";
import type { Range } from "../position.ts";
import type { Fix, TextEdit } from "./edit.ts";
import { addMounts } from "./run-flags.ts";
import { usesVariable } from "./shell-command.ts";
import { type FixSubject, hasInnerComments, type Step, sourceOf } from "./subject.ts";

/** A secret in ARG or ENV as a secret that only the commands see that ask for it. */
export function fixSecrets(subject: FixSubject): Fix[] {
  return subject.stages.flatMap((steps) =>
    steps.flatMap((step, index) => {
      const { it, node } = step;
      if (it.name === "ARG" && it.args.length === 1) {
        const name = it.args[0]!.key.text;
        return mount(it, name, node.range, steps.slice(index + 1), subject);
      }
      if (it.name !== "ENV" || it.legacy || hasInnerComments(node)) return [];
      const [pair] = it.pairs.filter(({ key }) => isSecretName(key.text));
      if (pair === undefined) return [];
      return mount(it, pair.key.text, pairRange(it, node.range, pair.key.text), steps.slice(index + 1), subject);
    }),
  );
}

function mount(
  it: ArgInstruction | EnvInstruction,
  name: string,
  range: Range,
  below: readonly Step[],
  subject: FixSubject,
): Fix[] {
  if (!isSecretName(name) || !/^\w+$/.test(name)) return [];
  const users = below.filter((step) => usesVariable(sourceOf(subject.file, step.it.range), name));
  const runs = users.flatMap((step): RunInstruction[] => (step.it.name === "RUN" ? [step.it] : []));
  // What the image itself is told by the variable cannot be taken from it.
  if (runs.length === 0 || runs.length < users.length) return [];
  if (runs.some((run) => run.command.form === "exec" || run.operands.length === 0)) return [];
  const secret = `type=secret,id=${name},env=${name}`;
  const edits: TextEdit[] = [{ range, text: "" }, ...runs.map((run) => addMounts(run, [secret], subject))];
  return [
    {
      rule: "SecretMount",
      title: `mount ${name} as a secret`,
      range: it.range,
      edits,
      saves: `the secret: everybody who has the image can read ${it.name} ${name} in its history`,
      savedBytes: undefined,
      assumes: `the build is given the secret (\`--secret id=${name},env=${name}\`), and no command reads it from its environment without naming it`,
    },
  ];
}

/** One pair with the white space behind it, or the whole instruction when it is the only one. */
function pairRange(it: EnvInstruction, whole: Range, name: string): Range {
  if (it.pairs.length === 1) return whole;
  const index = it.pairs.findIndex(({ key }) => key.text === name);
  const next = it.pairs[index + 1];
  if (next !== undefined) return { start: it.pairs[index]!.key.range.start, end: next.key.range.start };
  return { start: it.pairs[index - 1]!.value.range.end, end: it.pairs[index]!.value.range.end };
}
