import type { CopyInstruction } from "../instructions/copy.ts";
import type { RunInstruction } from "../instructions/run.ts";
import type { Fix } from "./edit.ts";
import { shellCommands, solidEnd } from "./shell-command.ts";
import { type FixSubject, hasInnerComments, resolvePath, type Step, sourceOf } from "./subject.ts";

/** A command that needs nothing but the files that say which packages there are. */
interface Installer {
  readonly command: RegExp;
  /** Those that may be missing end in `*`. */
  readonly files: (command: string) => readonly string[];
}

const installers: readonly Installer[] = [
  { command: /^npm (.* )?(ci|i|install)( -.*)?$/, files: () => ["package.json", "package-lock.json*"] },
  { command: /^pnpm (.* )?(i|install)( -.*)?$/, files: () => ["package.json", "pnpm-lock.yaml*"] },
  { command: /^yarn( install)?( -.*)?$/, files: () => ["package.json", "yarn.lock*"] },
  { command: /^go mod download( -x)?$/, files: () => ["go.mod", "go.sum*"] },
  { command: /^bundle install( -.*)?$/, files: () => ["Gemfile", "Gemfile.lock*"] },
  {
    command: /^(python[\d.]* -m )?pip[\d.]* install (-\S+ )*-r [\w./-]+$/,
    files: (command) => [command.slice(command.lastIndexOf(" ") + 1)],
  },
];

/** The files that name the packages copied and installed from before the sources come. */
export function fixManifestOrder(subject: FixSubject): Fix[] {
  return subject.stages.flatMap((steps) =>
    steps.flatMap((copy, index) => {
      const run = steps[index + 1];
      if (copy.it.name !== "COPY" || run?.it.name !== "RUN") return [];
      const fix = copyFirst({ ...copy, it: copy.it }, { ...run, it: run.it }, subject);
      return fix === undefined ? [] : [fix];
    }),
  );
}

function copyFirst(
  copy: Step & { it: CopyInstruction },
  run: Step & { it: RunInstruction },
  subject: FixSubject,
): Fix | undefined {
  const { file, range } = subject;
  if (!isWholeContext(copy) || run.it.command.form !== "shell" || run.it.files.length > 0) return undefined;
  if (file.escape !== "\\" || hasInnerComments(run.node) || hasInnerComments(copy.node)) return undefined;
  const operand = run.it.operands[0]!.range;
  const source = sourceOf(file, operand);
  const [command, ...rest] = shellCommands(source);
  const text = command?.words.join(" ") ?? "";
  const installer = installers.find((one) => one.command.test(text));
  if (command === undefined || installer === undefined || !["&&", ""].includes(command.separator)) return undefined;
  const names = installer.files(text);
  const flags = sourceOf(file, { start: run.node.range.start, end: operand.start });
  const install = `${flags}${source.slice(0, solidEnd(source, command.end))}\n`;
  const manifests = sourceOf(file, copy.it.range).replace(/\s+\S+\s+\S+$/, ` ${names.join(" ")} ./`);
  const remains = rest[0] === undefined ? "" : `${flags}${source.slice(rest[0].start).trimStart()}\n`;
  const at = copy.node.range.start.offset;
  return {
    rule: "ManifestBeforeSources",
    title: `copy ${names.join(" ")} before the sources`,
    range: copy.it.range,
    edits: [
      { range: range(at, at), text: `${manifests}\n${install}` },
      { range: run.node.range, text: remains },
    ],
    saves: `time: \`${text}\` runs again when ${names[0]} changes, not when any file does`,
    savedBytes: undefined,
    assumes: `\`${text}\` needs no other file: no workspace, no script of the package that runs at its end`,
  };
}

/** `COPY . .` into the directory that the command runs in. */
function isWholeContext({ it, workdir }: Step & { it: CopyInstruction }): boolean {
  if (it.from !== undefined || it.parents || it.exclude.length > 0 || it.files.length > 0 || it.form === "exec")
    return false;
  if (it.sources.length !== 1 || !/^(\.|\.\/|\/)$/.test(it.sources[0]!.text)) return false;
  if (/^\.\/?$/.test(it.destination.text)) return true;
  return workdir !== undefined && resolvePath(workdir, it.destination.text) === workdir;
}
