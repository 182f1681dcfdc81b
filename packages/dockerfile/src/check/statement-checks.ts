import type { InstructionNode, InvalidNode } from "../tree.ts";
import type { Linter } from "./linter.ts";

/** What is found in one statement alone, also in one that is no instruction. */
export function checkStatement(node: InstructionNode | InvalidNode, linter: Linter): void {
  const statement = node.kind === "instruction" ? node.instruction : node.statement;
  const keyword = statement.keyword.text;
  switch (keyword.toUpperCase()) {
    case "MAINTAINER":
      linter.report("MaintainerDeprecated", statement, "Maintainer instruction is deprecated in favor of using label");
      break;
    case "FROM": {
      const [, as, name] = statement.operands.map(({ text }) => text);
      if (name === undefined || as === undefined) break;
      if (statement.operands.length === 3 && name !== name.toLowerCase())
        linter.report("StageNameCasing", statement, `Stage name '${name}' should be lowercase`);
      const wanted = casingOf(keyword);
      if (wanted !== undefined && as !== inCasing(as, wanted))
        linter.report("FromAsCasing", statement, `'${as}' and '${keyword}' keywords' casing do not match`);
    }
  }
  if (node.kind === "instruction") checkDescription(node.instruction, linter);
}

/** `undefined` when it is neither all lower nor all upper case. */
export const casingOf = (word: string): "lowercase" | "uppercase" | undefined =>
  word === word.toLowerCase() ? "lowercase" : word === word.toUpperCase() ? "uppercase" : undefined;

const inCasing = (word: string, casing: "lowercase" | "uppercase"): string =>
  casing === "lowercase" ? word.toLowerCase() : word.toUpperCase();

function checkDescription(instruction: InstructionNode["instruction"], linter: Linter): void {
  const names =
    instruction.name === "ARG"
      ? instruction.args.map(({ key }) => key.text)
      : instruction.name === "FROM" && instruction.stage !== undefined
        ? [instruction.stage]
        : [];
  const [comment] = instruction.comments.slice(-1);
  if (comment === undefined || names.length === 0 || names.includes(comment.split(" ", 1)[0]!)) return;
  const example = names.length === 1 ? names[0] : "<arg_key>";
  const detail = `Comment for ${instruction.name} should follow the format: \`# ${example} <description>\``;
  linter.report("InvalidDefinitionDescription", instruction, detail);
}
