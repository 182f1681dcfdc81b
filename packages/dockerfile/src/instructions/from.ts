import { readFlags } from "../flags.ts";
import { type Draft, refuse } from "../statement.ts";
import type { Statement, Word } from "../tree.ts";

export interface FromFields<W> {
  readonly name: "FROM";
  /** An image, an earlier stage, or `scratch`. Only ARGs before the first FROM are known in it. */
  readonly base: W;
  readonly platform: W | undefined;
  /** In lower case: stage names do not tell cases apart. */
  readonly stage: string | undefined;
}

/** `FROM base AS stage`: a new stage begins. */
export interface FromInstruction extends Statement, FromFields<Word> {}

export function readFrom(draft: Draft): FromInstruction {
  const [base, as, name] = draft.statement.operands;
  const count = draft.spans.length;
  if (base === undefined || (count !== 1 && !(count === 3 && as!.text.toLowerCase() === "as"))) {
    refuse(draft, "ERR_DOCKERFILE_ARGUMENTS", "FROM requires either one or three arguments: FROM base [AS stage]");
  }
  const stage = name?.text.toLowerCase();
  if (stage !== undefined && !/^[a-z][a-z0-9\-_.]*$/.test(stage)) {
    const message = `invalid name for a build stage: ${JSON.stringify(name!.text)}; a letter, then letters, digits, "-", "_" or "."`;
    refuse(draft, "ERR_DOCKERFILE_STAGE_NAME", message, name!.range);
  }
  const flags = readFlags(draft.statement, { platform: "text" });
  return { ...draft.statement, name: "FROM", base, platform: flags.text("platform"), stage };
}
