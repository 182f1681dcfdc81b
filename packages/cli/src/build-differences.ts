import type { BuildDifference } from "@ctr/engine";
import { harmless } from "./failure.ts";
import { showCommand, showPath } from "./show-text.ts";

/** `/app/stamp: content differs (step 4, line 5: RUN date > stamp)`, one line for each. */
export function showDifferences(differences: readonly BuildDifference[]): string {
  return differences
    .map(({ step, line, instruction, ...what }) => {
      const where = `(step ${step}, line ${line}: ${showCommand(instruction, 60)})`;
      return `${harmless(`${showDifference(what)} ${where}`)}\n`;
    })
    .join("");
}

function showDifference({ path, kind, differs }: Pick<BuildDifference, "path" | "kind" | "differs">): string {
  if (path === undefined) return "image configuration: differs";
  const name = showPath(path);
  switch (kind) {
    case "added":
      return `${name}: only the second build has it`;
    case "deleted":
      return `${name}: only the first build has it`;
    case "archive":
      return `${name}: the files are the same, their order or links in the archive are not`;
    default:
      return `${name}: ${differs.join(", ")} ${differs.length === 1 ? "differs" : "differ"}`;
  }
}
