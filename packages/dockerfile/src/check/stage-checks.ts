import type { Stage } from "../stages.ts";
import type { Statement } from "../tree.ts";
import type { Linter } from "./linter.ts";
import { casingOf } from "./statement-checks.ts";

const reserved: readonly string[] = ["context", "scratch"];

/** What is found by looking at all stages beside each other. Comments above an instruction have no say in it. */
export function checkStages(stages: readonly Stage[], linter: Linter): void {
  const seen = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    const place = { range: from.range, comments: [] };
    if (reserved.includes(name))
      linter.report(
        "ReservedStageName",
        place,
        `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`,
      );
    if (seen.has(name))
      linter.report(
        "DuplicateStageName",
        place,
        `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`,
      );
    seen.add(name);
  }
  checkCasing(
    stages.flatMap((stage): Statement[] => [stage.from, ...stage.instructions]),
    linter,
  );
}

function checkCasing(statements: readonly Statement[], linter: Linter): void {
  const casings = statements.map(({ keyword }) => casingOf(keyword.text));
  const count = (casing: string): number => casings.filter((one) => one === casing).length;
  const majority = count("lowercase") > count("uppercase") ? "lowercase" : "uppercase";
  for (const [index, { keyword, range }] of statements.entries()) {
    if (casings[index] === majority) continue;
    const detail = `Command '${keyword.text}' should match the case of the command majority (${majority})`;
    linter.report("ConsistentInstructionCasing", { range, comments: [] }, detail);
  }
}
