import { cleanPath, type IgnoreMatcher } from "../ignore.ts";
import type { AddInstruction, CopyInstruction } from "../instructions/copy.ts";
import type { Linter } from "./linter.ts";
import { CheckStop } from "./subject.ts";

/** Whether the sources are there to be copied, as far as the ignore file tells. */
export function checkSources(
  it: AddInstruction | CopyInstruction,
  sources: readonly string[],
  ignore: IgnoreMatcher | undefined,
  linter: Linter,
): void {
  for (const source of sources) {
    if (isRemote(source)) {
      if (it.name === "ADD") continue;
      throw new CheckStop(`source can't be a ${isGit(source) ? "git ref" : "URL"} for COPY`, it.range);
    }
    if (ignore === undefined || (it.name === "COPY" && it.from !== undefined)) continue;
    const path = cleanPath(source);
    if (!isIgnored(path, ignore)) continue;
    const verb = it.name === "ADD" ? "Add" : "Copy";
    const detail = `Attempting to ${verb} file ${JSON.stringify(path)} that is excluded by .dockerignore`;
    linter.report("CopyIgnoredFile", it, detail);
  }
}

// The context itself is only ignored when nothing of it is left. A wildcard stands for what is in its directory.
function isIgnored(path: string, ignore: IgnoreMatcher): boolean {
  if (path === "." || path === "/") return ignore.ignores(path) && ignore.ignoresEverything;
  const wildcard = path.search(/[*?[\\]/);
  if (wildcard === -1) return ignore.ignoresAllIn(path);
  return ignore.ignores(path) && !ignore.mayBringBack(path.slice(0, path.lastIndexOf("/", wildcard) + 1));
}

const isGit = (source: string): boolean =>
  /^(?:git:\/\/|ssh:\/\/|[\w.-]+@[\w.-]+:|https?:\/\/[^?#]*\.git(?:[?#]|$))/.test(source);

const isRemote = (source: string): boolean => /^https?:\/\//.test(source) || isGit(source);

/** Whether chmod(1) would understand it: octal up to 7777, or `u=rwX,go-w`. */
export function isMode(text: string): boolean {
  if (/^[0-7]+$/.test(text)) return text.length < 16 && Number.parseInt(text, 8) <= 0o7777;
  return /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*$/.test(text);
}
