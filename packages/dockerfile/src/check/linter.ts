import type { Range } from "../position.ts";
import { type CheckOptions, CheckOptionsFailure, readCheckOptions } from "./check-options.ts";
import { type CheckRuleName, checkRules } from "./rules.ts";

/** A finding, in BuildKit's words. */
export interface CheckWarning {
  readonly rule: CheckRuleName;
  readonly description: string;
  readonly url: string | undefined;
  /** What was found here. */
  readonly detail: string;
  /** The instruction it was found in. */
  readonly range: Range;
}

/** A place in the file with the comments above it, which may hold a `check=` of their own. */
export interface CheckPlace {
  readonly range: Range;
  readonly comments: readonly string[];
}

const rules = new Map(checkRules.map((rule) => [rule.name, rule]));

/** Keeps the findings that nobody asked to skip. */
export class Linter {
  readonly warnings: CheckWarning[] = [];
  readonly options: CheckOptions;

  constructor(options: CheckOptions) {
    this.options = options;
  }

  report(name: CheckRuleName, place: CheckPlace, detail: string): void {
    const { description, url, experimental } = rules.get(name)!;
    const named = (list: readonly string[]): boolean => list.includes("all") || list.includes(name);
    const asked = [this.options, optionsIn(place.comments)];
    const wanted = experimental
      ? asked.some((one) => one !== undefined && named(one.experimental))
      : !asked.some((one) => one !== undefined && named(one.skip));
    if (wanted) this.warnings.push({ rule: name, description, url, detail, range: place.range });
  }
}

// The first `# check=` above an instruction is for that instruction; one that means nothing is a comment.
function optionsIn(comments: readonly string[]): CheckOptions | undefined {
  const found = comments.map((line) => /^check\s*=\s*(.*)$/is.exec(line)).find((match) => match !== null);
  if (found === undefined) return undefined;
  try {
    return readCheckOptions(found[1]!);
  } catch (failure) {
    if (failure instanceof CheckOptionsFailure) return undefined;
    throw failure;
  }
}
