import type { StageInstruction } from "../check/stage-state.ts";
import { indexPositions, type Range } from "../position.ts";
import { findStage, stages } from "../stages.ts";
import type { Dockerfile, Node } from "../tree.ts";

/** An instruction, where it stands, and what holds when it is done. */
export interface Step {
  readonly it: StageInstruction;
  readonly node: Node;
  /** Absolute; `undefined` when a base image or a variable decides. */
  readonly workdir: string | undefined;
  /** `root` unless the file says otherwise. */
  readonly user: string;
  readonly hasShell: boolean;
}

export interface FixSubject {
  readonly file: Dockerfile;
  readonly stages: readonly (readonly Step[])[];
  /** Bytes of the layer that the instruction at a line made. */
  readonly stepSizes: ReadonlyMap<number, number>;
  range(start: number, end: number): Range;
}

export function subjectOf(file: Dockerfile, stepSizes: ReadonlyMap<number, number>): FixSubject {
  const nodes = new Map(file.nodes.flatMap((node) => (node.kind === "instruction" ? [[node.instruction, node]] : [])));
  const all = stages(file).stages;
  const ends: Pick<Step, "workdir" | "user" | "hasShell">[] = [];
  const found: Step[][] = [];
  for (const stage of all) {
    const base = findStage(all.slice(0, stage.index), stage.from.base.text);
    let state = (base === undefined ? undefined : ends[base.index]) ?? {
      workdir: stage.from.base.text === "scratch" ? "/" : undefined,
      user: "root",
      hasShell: false,
    };
    found.push(
      stage.instructions.map((it) => {
        const step = { it, node: nodes.get(it)!, ...state };
        if (it.name === "WORKDIR") state = { ...state, workdir: resolvePath(state.workdir, it.path.text) };
        else if (it.name === "USER") state = { ...state, user: it.user.text };
        else if (it.name === "SHELL") state = { ...state, hasShell: true };
        return step;
      }),
    );
    ends.push(state);
  }
  return { file, stages: found, stepSizes, range: indexPositions(file.text).range };
}

/** A path inside the image without `.`, `..` and trailing slashes; `undefined` when it is not known. */
export function resolvePath(workdir: string | undefined, path: string): string | undefined {
  if (/["'$\\`]/.test(path) || (!path.startsWith("/") && workdir === undefined)) return undefined;
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${workdir}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The text of a file from `range`. */
export const sourceOf = (file: Dockerfile, { start, end }: Range): string => file.text.slice(start.offset, end.offset);

/** Whether an instruction has comments between its lines, which an edit would lose. */
export const hasInnerComments = ({ tokens }: Node): boolean => tokens.some(({ kind }) => kind === "comment");
