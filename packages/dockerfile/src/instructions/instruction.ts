import { Complaint } from "../complaint.ts";
import type { Draft } from "../statement.ts";
import { suggest } from "../suggest.ts";
import {
  type CmdInstruction,
  type EntrypointInstruction,
  readCmd,
  readEntrypoint,
  readShell,
  type ShellInstruction,
} from "./command.ts";
import { type AddInstruction, type CopyInstruction, readAdd, readCopy } from "./copy.ts";
import { type FromInstruction, readFrom } from "./from.ts";
import { type HealthcheckInstruction, readHealthcheck } from "./healthcheck.ts";
import { type OnbuildInstruction, readOnbuild } from "./onbuild.ts";
import { type RunInstruction, readRun } from "./run.ts";
import {
  type ExposeInstruction,
  type MaintainerInstruction,
  readExpose,
  readMaintainer,
  readStopsignal,
  readUser,
  readVolume,
  readWorkdir,
  type StopsignalInstruction,
  type UserInstruction,
  type VolumeInstruction,
  type WorkdirInstruction,
} from "./settings.ts";
import {
  type ArgInstruction,
  type EnvInstruction,
  type LabelInstruction,
  readArg,
  readEnv,
  readLabel,
} from "./variables.ts";

/** One instruction with its operands in typed fields; `name` tells which. */
export type Instruction =
  | AddInstruction
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | FromInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopsignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction;

export type InstructionName = Instruction["name"];

const readers: Readonly<Record<InstructionName, (draft: Draft) => Instruction>> = {
  ADD: readAdd,
  ARG: readArg,
  CMD: readCmd,
  COPY: readCopy,
  ENTRYPOINT: readEntrypoint,
  ENV: readEnv,
  EXPOSE: readExpose,
  FROM: readFrom,
  HEALTHCHECK: readHealthcheck,
  LABEL: readLabel,
  MAINTAINER: readMaintainer,
  ONBUILD: (draft) => readOnbuild(draft, readInstruction),
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: readStopsignal,
  USER: readUser,
  VOLUME: readVolume,
  WORKDIR: readWorkdir,
};

/** All instructions there are, in alphabetical order. */
export const instructionNames: readonly InstructionName[] = Object.keys(readers) as InstructionName[];

/** @throws {Complaint} */
export function readInstruction(draft: Draft): Instruction {
  const { mistake, surroundings, statement } = draft;
  if (mistake !== undefined) {
    const range = surroundings.range(mistake.span.start, mistake.span.end);
    throw new Complaint({ code: mistake.code, phase: "syntax", message: mistake.message, range });
  }
  if (!isInstructionName(draft.name)) {
    const closest = (): string | undefined => suggest(statement.keyword.text, instructionNames);
    const message = `unknown instruction: ${statement.keyword.text}`;
    throw new Complaint({
      code: "ERR_DOCKERFILE_UNKNOWN_INSTRUCTION",
      message,
      range: statement.keyword.range,
      suggest: closest,
    });
  }
  return readers[draft.name](draft);
}

const isInstructionName = (name: string): name is InstructionName => Object.hasOwn(readers, name);
