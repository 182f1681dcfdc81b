import type { Fix } from "./edit.ts";
import { shellCommands } from "./shell-command.ts";
import { type FixSubject, hasInnerComments } from "./subject.ts";

/** Words that only a shell understands. */
const builtins = new Set(
  "[ [[ alias bg case cd command do eval exit export fg for if local read return set shift source test time times trap type ulimit umask unset until wait while . : { } ( !".split(
    " ",
  ),
);

/** `CMD program argument` as `CMD ["program", "argument"]`, where no shell is needed. */
export function fixExecForm({ file, stages }: FixSubject): Fix[] {
  return stages.flat().flatMap(({ it, node, hasShell }): Fix[] => {
    if ((it.name !== "CMD" && it.name !== "ENTRYPOINT") || hasShell || hasInnerComments(node)) return [];
    const words = it.command.form === "shell" ? programAndArguments(it.command.text) : undefined;
    if (words === undefined) return [];
    const text = `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
    // A backslash in JSON would have to be written so that the file's own escape character leaves it alone.
    if (text.includes("\\") || file.escape !== "\\") return [];
    return [
      {
        rule: "ExecForm",
        title: `write ${it.name} ${text}`,
        range: it.range,
        edits: [{ range: it.operands[0]!.range, text }],
        saves: "a shell as process 1: the program gets the signals itself, so that it stops when it is told to",
        savedBytes: undefined,
        assumes: undefined,
      },
    ];
  });
}

function programAndArguments(text: string): string[] | undefined {
  if (/[$`*?[\]~#<>(){}!\n]/.test(text)) return undefined;
  const [command, ...more] = shellCommands(text);
  if (command === undefined || more.length > 0 || command.separator !== "" || /^\s*\w+=/.test(text)) return undefined;
  const words = command.words[0] === "exec" ? command.words.slice(1) : command.words;
  return words.length === 0 || builtins.has(words[0]!) ? undefined : [...words];
}
