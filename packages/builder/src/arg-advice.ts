import type { Instruction } from "@ctr/dockerfile";

/** Where an ARG should stand so that its next change costs less. */
export interface ArgAdvice {
  readonly name: string;
  /** Of the ARG. */
  readonly line: number;
  /** The instruction that it should stand behind. */
  readonly below: number;
  /** Steps that the next change of its value runs again when it stands there. */
  readonly reruns: number;
  /** And now. */
  readonly instead: number;
}

/** A stage as far as it matters here. */
export interface AdvisedStage {
  readonly index: number;
  readonly steps: readonly Instruction[];
  /** Stages that begin with this one. */
  readonly children: readonly number[];
}

/** Steps that can make a layer. */
const makesFiles = (step: Instruction): boolean => ["RUN", "COPY", "ADD", "WORKDIR"].includes(step.name);

/**
 * ARGs that stand above steps that do not need them. Every RUN can see an ARG and so runs again with it; the first
 * instruction that mentions it is where it is needed. One that nothing mentions is read by some command, nobody knows
 * which: it gets no advice.
 *
 * @param names  ARGs that change from build to build.
 */
export function adviseArguments(stages: readonly AdvisedStage[], names: ReadonlySet<string>): readonly ArgAdvice[] {
  const byIndex = new Map(stages.map((stage) => [stage.index, stage]));
  const stepsBelow = (stage: AdvisedStage): number =>
    stage.children.reduce((sum, index) => {
      const child = byIndex.get(index);
      return child === undefined ? sum : sum + child.steps.filter(makesFiles).length + stepsBelow(child);
    }, 0);
  return stages.flatMap((stage) =>
    stage.steps.flatMap((step, at) =>
      step.name !== "ARG" || step.args.length !== 1 || !names.has(step.args[0]!.key.text)
        ? []
        : adviseOne(stage.steps, at, step.args[0]!.key.text, stepsBelow(stage)),
    ),
  );
}

function adviseOne(steps: readonly Instruction[], at: number, name: string, below: number): ArgAdvice[] {
  const use = steps.findIndex((step, index) => index > at && mentions(step, name));
  if (use < 0) return [];
  const rerunsFrom = (position: number): number => {
    const first = steps.findIndex(
      (step, index) => index >= position && (step.name === "RUN" || (makesFiles(step) && mentions(step, name))),
    );
    return first < 0 ? 0 : steps.slice(first).filter(makesFiles).length + below;
  };
  const [reruns, instead] = [rerunsFrom(use), rerunsFrom(at + 1)];
  const line = steps[at]!.range.start.line;
  return reruns < instead ? [{ name, line, below: steps[use - 1]!.range.end.line, reruns, instead }] : [];
}

function mentions(step: Instruction, name: string): boolean {
  const pattern = new RegExp(`\\$(?:${name}(?![A-Za-z0-9_])|\\{${name}[^A-Za-z0-9_])`);
  return (
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) &&
    [step.source, ...step.heredocs.map((it) => it.content)].some((text) => pattern.test(text))
  );
}

/** `line 5 below line 11: the next change of GIT_SHA reruns 2 steps instead of 9` */
export function explainAdvice({ name, line, below, reruns, instead }: ArgAdvice): string {
  return `line ${line} below line ${below}: the next change of ${name} reruns ${reruns} ${reruns === 1 ? "step" : "steps"} instead of ${instead}`;
}
