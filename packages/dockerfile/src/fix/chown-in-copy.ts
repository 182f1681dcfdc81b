import type { AddInstruction, CopyInstruction } from "../instructions/copy.ts";
import type { Fix, TextEdit } from "./edit.ts";
import { shellCommands } from "./shell-command.ts";
import { type FixSubject, hasInnerComments, resolvePath, type Step, sourceOf } from "./subject.ts";

/** `RUN chown -R user:group path` behind the COPY that made `path`, as `COPY --chown=user:group`. */
export function fixChown(subject: FixSubject): Fix[] {
  return subject.stages.flatMap((steps) =>
    steps.flatMap((step, index) => {
      const fix = foldChown(step, steps.slice(0, index), subject);
      return fix === undefined ? [] : [fix];
    }),
  );
}

function foldChown(step: Step, before: readonly Step[], subject: FixSubject): Fix | undefined {
  const chown = readChown(step);
  if (chown === undefined) return undefined;
  const copies = copiesInto(chown.path, before);
  if (copies.length === 0) return undefined;
  const { owner, path, flag } = chown;
  const made = copies.some(({ it, workdir }) => resolvePath(workdir, it.destination.text) === path);
  const exists = before.some(({ it, workdir }) => it.name === "WORKDIR" && resolvePath(workdir, it.path.text) === path);
  const remains = exists || !made ? withoutFlag(step, flag, subject) : [{ range: step.node.range, text: "" }];
  if (remains === undefined) return undefined;
  const size = subject.stepSizes.get(step.it.range.start.line);
  return {
    rule: "ChownInCopy",
    title: `copy ${path} as ${owner}`,
    range: step.it.range,
    edits: [...copies.map(({ it }): TextEdit => addOwner(it, owner)), ...remains],
    saves: "a second copy of every file: a layer that changes an owner holds the whole file again",
    savedBytes: size,
    assumes: `neither ${path} nor anything else in it comes from the base image`,
  };
}

function readChown({
  it,
  workdir,
  hasShell,
  user,
  node,
}: Step): { owner: string; path: string; flag: string } | undefined {
  if (it.name !== "RUN" || it.command.form !== "shell" || it.flags.length > 0 || hasShell || user !== "root")
    return undefined;
  const [command, ...more] = shellCommands(it.command.text);
  const [name, flag, owner, target, ...others] = command?.words ?? [];
  if (more.length > 0 || name !== "chown" || (flag !== "-R" && flag !== "--recursive") || hasInnerComments(node))
    return undefined;
  // A group that is left out is another one for COPY than for chown.
  if (owner === undefined || target === undefined || others.length > 0 || !/^[\w.-]+:[\w.-]+$/.test(owner))
    return undefined;
  const path = resolvePath(workdir, target);
  return path === undefined || path === "/" || /[*?[]/.test(path) ? undefined : { owner, path, flag };
}

type CopyStep = Step & { readonly it: AddInstruction | CopyInstruction };

/** All that was put into `path`, when nothing but COPY and ADD can have put it there since the last RUN. */
function copiesInto(path: string, before: readonly Step[]): CopyStep[] {
  const copies: CopyStep[] = [];
  for (const step of [...before].reverse()) {
    const { it, workdir } = step;
    if (it.name === "RUN" || it.name === "VOLUME" || it.name === "SHELL") break;
    if (it.name !== "ADD" && it.name !== "COPY") continue;
    const destination = resolvePath(workdir, it.destination.text);
    if (destination === undefined) return [];
    if (`${path}/`.startsWith(`${destination}/`) && path !== destination) return []; // only a part of it is meant
    if (`${destination}/`.startsWith(`${path}/`) && it.chown === undefined) copies.push({ ...step, it });
  }
  return copies;
}

function addOwner(it: AddInstruction | CopyInstruction, owner: string): TextEdit {
  const { end } = it.keyword.range;
  return { range: { start: end, end }, text: ` --chown=${owner}` };
}

/** The directory itself was there before the files: its owner alone is still to be changed. */
function withoutFlag({ it }: Step, flag: string, { file, range }: FixSubject): TextEdit[] | undefined {
  const operand = it.operands[0]!;
  const at = sourceOf(file, operand.range).indexOf(` ${flag} `);
  const start = operand.range.start.offset + at;
  return at === -1 ? undefined : [{ range: range(start, start + flag.length + 1), text: "" }];
}
