import { readFlags } from "../flags.ts";
import { type Draft, refuse } from "../statement.ts";
import type { Statement } from "../tree.ts";
import type { Instruction } from "./instruction.ts";

/** What may follow ONBUILD. */
export type Trigger = Exclude<Instruction, { readonly name: "ONBUILD" | "FROM" | "MAINTAINER" }>;

export interface OnbuildFields {
  readonly name: "ONBUILD";
  readonly trigger: Trigger;
  /** The trigger as text, heredocs included: what the image configuration keeps, see `parseInstruction`. */
  readonly expression: string;
}

/** `ONBUILD instruction`: done when another build begins with this image. */
export interface OnbuildInstruction extends Statement, OnbuildFields {}

export function readOnbuild(draft: Draft, read: (inner: Draft) => Instruction): OnbuildInstruction {
  const { statement, inner } = draft;
  if (inner === undefined) refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "ONBUILD requires at least one argument");
  readFlags(statement, {});
  const where = inner.statement.keyword.range;
  if (inner.name === "ONBUILD")
    refuse(draft, "ERR_DOCKERFILE_ONBUILD", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", where);
  if (inner.name === "FROM" || inner.name === "MAINTAINER") {
    refuse(draft, "ERR_DOCKERFILE_ONBUILD", `${inner.name} isn't allowed as an ONBUILD trigger`, where);
  }
  const heredocs = statement.heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  return {
    ...statement,
    name: "ONBUILD",
    trigger: read(inner) as Trigger,
    expression: inner.statement.source + heredocs,
  };
}
