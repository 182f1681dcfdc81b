export {
  DockerfileError,
  type DockerfileErrorCode,
  isDockerfileError,
  type Problem,
  renderError,
} from "./dockerfile-error.ts";
export { type Environment, type ExpandOptions, type Expansion, expandWord, expandWords } from "./expand.ts";
export { type Expanded, type ExpandedInstruction, expandInstruction } from "./expand-instruction.ts";
export { stripLeadingTabs } from "./heredoc.ts";
export { createIgnoreMatcher, type IgnoreMatcher, ignoreFiles, parseIgnore } from "./ignore.ts";
export type {
  CmdFields,
  CmdInstruction,
  CommandLine,
  EntrypointFields,
  EntrypointInstruction,
  ShellFields,
  ShellInstruction,
} from "./instructions/command.ts";
export type { AddFields, AddInstruction, CopyFields, CopyInstruction, InlineFile } from "./instructions/copy.ts";
export type { Device } from "./instructions/device.ts";
export type { FromFields, FromInstruction } from "./instructions/from.ts";
export type { HealthcheckFields, HealthcheckInstruction } from "./instructions/healthcheck.ts";
export { type Instruction, type InstructionName, instructionNames } from "./instructions/instruction.ts";
export type { OnbuildFields, OnbuildInstruction, Trigger } from "./instructions/onbuild.ts";
export type { MountWord, RunFields, RunInstruction } from "./instructions/run.ts";
export type {
  ExposeFields,
  ExposeInstruction,
  MaintainerFields,
  MaintainerInstruction,
  StopsignalFields,
  StopsignalInstruction,
  UserFields,
  UserInstruction,
  VolumeFields,
  VolumeInstruction,
  WorkdirFields,
  WorkdirInstruction,
} from "./instructions/settings.ts";
export type {
  ArgFields,
  ArgInstruction,
  Argument,
  EnvFields,
  EnvInstruction,
  LabelFields,
  LabelInstruction,
  Pair,
} from "./instructions/variables.ts";
export type { BindMount, CacheMount, Mount, SecretMount, SshMount, TmpfsMount } from "./mount-flag.ts";
export { assertValid, type ParseOptions, parse, parseInstruction } from "./parse.ts";
export type { Position, Range } from "./position.ts";
export { print } from "./print.ts";
export { type ScopeOptions, type Scopes, scopes, type Variable } from "./scope.ts";
export type { Lookup } from "./shell-lexer.ts";
export { findStage, type Stage, type Stages, stages } from "./stages.ts";
export type * from "./tree.ts";
