import { readFlags } from "../flags.ts";
import { trim } from "../space.ts";
import { type Draft, refuse } from "../statement.ts";
import type { Statement, Word } from "../tree.ts";

// Instructions that only note something in the image's configuration.

export interface WorkdirFields<W> {
  readonly name: "WORKDIR";
  /** Relative to the WORKDIR before it. */
  readonly path: W;
}
/** `WORKDIR path`. */
export interface WorkdirInstruction extends Statement, WorkdirFields<Word> {}

export interface UserFields<W> {
  readonly name: "USER";
  /** `user[:group]`, names or numbers. */
  readonly user: W;
}
/** `USER name`. */
export interface UserInstruction extends Statement, UserFields<Word> {}

export interface StopsignalFields<W> {
  readonly name: "STOPSIGNAL";
  readonly signal: W;
}
/** `STOPSIGNAL signal`. */
export interface StopsignalInstruction extends Statement, StopsignalFields<Word> {}

export interface MaintainerFields {
  readonly name: "MAINTAINER";
  readonly maintainer: string;
}
/** `MAINTAINER name`, which a label has replaced. */
export interface MaintainerInstruction extends Statement, MaintainerFields {}

export interface ExposeFields<W> {
  readonly name: "EXPOSE";
  /** `80`, `53/udp`, `7000-7010`; one variable may hold several. */
  readonly ports: readonly W[];
}
/** `EXPOSE port…`. */
export interface ExposeInstruction extends Statement, ExposeFields<Word> {}

export interface VolumeFields<W> {
  readonly name: "VOLUME";
  readonly paths: readonly W[];
}
/** `VOLUME path…`. */
export interface VolumeInstruction extends Statement, VolumeFields<Word> {}

export function readWorkdir(draft: Draft): WorkdirInstruction {
  return { ...draft.statement, name: "WORKDIR", path: onlyOperand(draft) };
}

export function readUser(draft: Draft): UserInstruction {
  return { ...draft.statement, name: "USER", user: onlyOperand(draft) };
}

export function readStopsignal(draft: Draft): StopsignalInstruction {
  return { ...draft.statement, name: "STOPSIGNAL", signal: onlyOperand(draft) };
}

export function readMaintainer(draft: Draft): MaintainerInstruction {
  return { ...draft.statement, name: "MAINTAINER", maintainer: onlyOperand(draft).text };
}

export function readExpose(draft: Draft): ExposeInstruction {
  return { ...draft.statement, name: "EXPOSE", ports: someOperands(draft) };
}

export function readVolume(draft: Draft): VolumeInstruction {
  const paths = someOperands(draft).map((word) => ({ ...word, text: trim(word.text) }));
  const empty = paths.find((word) => word.text === "");
  if (empty !== undefined)
    refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "a VOLUME can not be an empty string", empty.range);
  return { ...draft.statement, name: "VOLUME", paths };
}

function onlyOperand(draft: Draft): Word {
  const [operand] = draft.statement.operands;
  if (operand === undefined) refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", `${draft.name} requires exactly one argument`);
  readFlags(draft.statement, {});
  return operand;
}

function someOperands(draft: Draft): readonly Word[] {
  if (draft.spans.length === 0)
    refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", `${draft.name} requires at least one argument`);
  readFlags(draft.statement, {});
  return draft.statement.operands;
}
