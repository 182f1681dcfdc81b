import type { ArgInstruction } from "../instructions/variables.ts";
import type { Fix } from "./edit.ts";
import { usesVariable } from "./shell-command.ts";
import { type FixSubject, type Step, sourceOf } from "./subject.ts";

// Programs read these without being asked to in the file.
const implicit =
  /^(CI|DEBIAN_FRONTEND|SOURCE_DATE_EPOCH|NODE_ENV|PATH|LANG|TZ|.*_proxy|(BUILDKIT|TARGET|BUILD|NPM|PIP|GO|CGO|CARGO|RUST|LC)_?.*)$/i;

/** An ARG moved down to the instruction that uses it first: until there a change of it reruns nothing. */
export function fixArgOrder(subject: FixSubject): Fix[] {
  return subject.stages.flatMap((steps) =>
    steps.flatMap((step, index) => {
      const { it } = step;
      if (it.name !== "ARG" || it.args.length !== 1) return [];
      const fix = moveDown({ ...step, it }, steps.slice(index + 1), subject);
      return fix === undefined ? [] : [fix];
    }),
  );
}

const makesLayer = ({ it }: Step): boolean => ["RUN", "COPY", "ADD"].includes(it.name);

function moveDown(step: Step & { it: ArgInstruction }, below: readonly Step[], subject: FixSubject): Fix | undefined {
  const { key, value } = step.it.args[0]!;
  const name = key.text;
  if (!/^\w+$/.test(name) || implicit.test(name) || value?.text.includes("$")) return undefined;
  const first = below.findIndex(({ it }) => usesVariable(sourceOf(subject.file, it.range), name) || sets(it, name));
  const user = below[first];
  if (user === undefined || sets(user.it, name) || !below.slice(0, first).some(({ it }) => it.name === "RUN"))
    return undefined;
  const [from, to] = [linesOf(step, subject), linesOf(user, subject)];
  const { text } = subject.file;
  const moved = text.slice(from.start, from.end);
  const steps = below.filter(makesLayer).length;
  const left = below.slice(first).filter(makesLayer).length;
  return {
    rule: "ArgBelowSteps",
    title: `move ARG ${name} to line ${user.it.range.start.line}`,
    range: step.it.range,
    edits: [
      { range: subject.range(from.start, from.end), text: "" },
      { range: subject.range(to.start, to.start), text: moved.endsWith("\n") ? moved : `${moved}\n` },
    ],
    saves: `time: a change of ${name} reruns ${left === 1 ? "1 step" : `${left} steps`} instead of ${steps}`,
    savedBytes: undefined,
    assumes: `no command above line ${user.it.range.start.line} reads ${name} from its environment`,
  };
}

function sets(it: Step["it"], name: string): boolean {
  if (it.name === "ARG") return it.args.some(({ key }) => key.text === name);
  return it.name === "ENV" && it.pairs.some(({ key }) => key.text === name);
}

/** An instruction with the comments right above it. */
function linesOf({ node }: Step, { file }: FixSubject): { start: number; end: number } {
  let index = file.nodes.indexOf(node);
  while (file.nodes[index - 1]?.kind === "comment") index--;
  return { start: file.nodes[index]!.range.start.offset, end: node.range.end.offset };
}
