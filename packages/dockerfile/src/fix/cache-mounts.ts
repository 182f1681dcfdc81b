import type { RunInstruction } from "../instructions/run.ts";
import type { Fix, TextEdit } from "./edit.ts";
import { addMounts } from "./run-flags.ts";
import { shellCommands, solidEnd } from "./shell-command.ts";
import { type FixSubject, hasInnerComments, type Step, sourceOf } from "./subject.ts";

/** Where a package manager keeps what it has downloaded, and what it must not do for that to be of use. */
interface Manager {
  readonly name: string;
  readonly command: RegExp;
  readonly mounts: readonly string[];
  /** Below the home directory of root: of no use to another user. */
  readonly home?: boolean;
  /** Words that keep it from using the directory. */
  readonly without?: RegExp;
  /** A command at the end that would empty the directory. */
  readonly cleanup?: RegExp;
}

const cache = (target: string, more: string = ""): string => `type=cache,target=${target}${more}`;

// @see https://docs.docker.com/build/cache/optimize/#use-cache-mounts
const managers: readonly Manager[] = [
  {
    name: "apt",
    command: /^apt(-get)? .*\b(install|update|upgrade|dist-upgrade|build-dep)\b/,
    mounts: [cache("/var/cache/apt", ",sharing=locked"), cache("/var/lib/apt", ",sharing=locked")],
    cleanup: /^(rm -r?f?r? \/var\/lib\/apt\/lists\/?\*?|apt(-get)? (auto)?clean)$/,
  },
  {
    name: "apk",
    command: /^apk .*\badd\b/,
    mounts: [cache("/etc/apk/cache", ",sharing=locked")],
    without: /(^|\s)--no-cache(?=\s|$)/,
    cleanup: /^rm -r?f?r? \/var\/cache\/apk\/?\*?$/,
  },
  { name: "dnf", command: /^(micro)?dnf .*\binstall\b/, mounts: [cache("/var/cache/dnf", ",sharing=locked")] },
  {
    name: "pip",
    command: /^(python[\d.]* -m )?pip[\d.]* (?!.*--no-index).*\b(install|wheel|download)\b/,
    mounts: [cache("/root/.cache/pip")],
    home: true,
    without: /(^|\s)--no-cache-dir(?=\s|$)/,
  },
  {
    name: "npm",
    command: /^npm (.* )?(ci|i|install)\b/,
    mounts: [cache("/root/.npm")],
    home: true,
    cleanup: /^npm cache clean( --force)?$/,
  },
  { name: "pnpm", command: /^pnpm (.* )?(i|install)\b/, mounts: [cache("/root/.local/share/pnpm/store")], home: true },
  { name: "yarn", command: /^yarn( install\b.*| --\S.*)?$/, mounts: [cache("/usr/local/share/.cache/yarn")] },
  { name: "go", command: /^go (build|install|test|vet|run|mod download)\b/, mounts: [cache("/go/pkg/mod")] },
  {
    name: "go",
    command: /^go (build|install|test|vet|run)\b/,
    mounts: [cache("/root/.cache/go-build")],
    home: true,
  },
  {
    name: "cargo",
    command: /^cargo (build|install|fetch|test|chef cook)\b/,
    mounts: [cache("/usr/local/cargo/registry"), cache("/usr/local/cargo/git")],
  },
  { name: "maven", command: /^(\S*\/)?mvnw? /, mounts: [cache("/root/.m2")], home: true },
  { name: "gradle", command: /^(\S*\/)?gradlew? /, mounts: [cache("/root/.gradle")], home: true },
];

/** Directories of package managers kept from build to build. */
export function fixCacheMounts(subject: FixSubject): Fix[] {
  return subject.stages.flat().flatMap((step) => {
    const { it, user } = step;
    if (it.name !== "RUN" || it.command.form !== "shell" || it.files.length > 0) return [];
    const commands = shellCommands(it.command.text).map(({ words }) => words.join(" "));
    const used = managers.flatMap((manager) => {
      if (!commands.some((text) => manager.command.test(text)) || (manager.home && !isRoot(user))) return [];
      const mounts = manager.mounts.filter((mount) => !isMounted(it, mount, manager.name));
      const edits = mounts.length === 0 ? undefined : obstacles(step, commands, manager, subject);
      return edits === undefined ? [] : [{ name: manager.name, mounts, edits }];
    });
    if (used.length === 0) return [];
    const names = [...new Set(used.map(({ name }) => name))];
    const list = names.join(" and ");
    const fix: Fix = {
      rule: "CacheMount",
      title: `keep what ${list} downloaded`,
      range: it.range,
      edits: [
        addMounts(
          it,
          used.flatMap(({ mounts }) => mounts),
          subject,
        ),
        ...used.flatMap(({ edits }) => edits),
      ],
      saves: `downloads: when this step runs again, ${list} fetches only what is new, and what it fetched is not in the image`,
      savedBytes: undefined,
      assumes: names.flatMap((name) => assumptions.get(name) ?? []).join("; ") || undefined,
    };
    return [fix];
  });
}

const assumptions = new Map([
  [
    "apt",
    "later steps that install packages update the lists themselves, and the image keeps packages (Debian's delete them: /etc/apt/apt.conf.d/docker-clean)",
  ],
  ["go", "nothing later needs the modules in the image"],
  ["maven", "nothing later needs the repository in the image"],
  ["gradle", "nothing later needs Gradle's home in the image"],
]);

const isRoot = (user: string): boolean => /^(root|0)(:|$)/.test(user);

const targetOf = (mount: string): string => /target=([^,]+)/.exec(mount)![1]!;

// A cache that bears the manager's name is its own wherever it is mounted.
function isMounted(it: RunInstruction, mount: string, name: string): boolean {
  const target = targetOf(mount);
  return it.mounts.some(({ text }) => {
    const there = /(?:^|,)(?:target|dst|destination)=([^,]+)/i.exec(text)?.[1];
    if (there === undefined || (text.includes("type=cache") && text.includes(`/${name}`))) return there !== undefined;
    return `${target}/`.startsWith(`${there}/`) || `${there}/`.startsWith(`${target}/`);
  });
}

/**
 * What keeps the manager from using its directory, taken out of the command as it is written; `undefined` when it
 * cannot be taken out.
 */
function obstacles(
  { it, node }: Step,
  texts: readonly string[],
  manager: Manager,
  { file, range }: FixSubject,
): TextEdit[] | undefined {
  const { without, cleanup } = manager;
  const there = texts.filter((text) => cleanup?.test(text) || (manager.command.test(text) && without?.test(text)));
  if (there.length === 0) return [];
  const operand = it.operands[0]!;
  if (file.escape !== "\\" || hasInnerComments(node)) return undefined;
  const source = sourceOf(file, operand.range);
  const commands = shellCommands(source);
  const edits: TextEdit[] = [];
  const remove = (start: number, end: number): void => {
    const { offset } = operand.range.start;
    edits.push({ range: range(offset + start, offset + end), text: "" });
  };
  for (const [index, command] of commands.entries()) {
    const text = command.words.join(" ");
    const before = commands[index - 1];
    const flag = manager.command.test(text) ? without?.exec(source.slice(command.start, command.end)) : undefined;
    if (cleanup?.test(text) && before?.separator === "&&" && ["&&", ""].includes(command.separator))
      remove(solidEnd(source, before.end), solidEnd(source, command.end));
    else if (flag) remove(command.start + flag.index, command.start + flag.index + flag[0].length);
  }
  return edits.length === there.length ? edits : undefined;
}
