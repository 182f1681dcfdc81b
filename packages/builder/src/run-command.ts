import { type RunFields, stripLeadingTabs } from "@ctr/dockerfile";

/** A RUN as something to execute. */
export interface RunCommand {
  readonly args: readonly string[];
  /** A heredoc that begins with `#!`: a program of this name in {@link scriptDirectory}. */
  readonly script: { readonly name: string; readonly text: string } | undefined;
}

/** Where scripts are while they run, as BuildKit has it. */
export const scriptDirectory = "/dev/pipes";

/**
 * The arguments of a RUN. Heredoc variables are left to the shell in either spelling of the heredoc's word.
 *
 * @see https://docs.docker.com/reference/dockerfile/#here-documents
 */
export function runCommand(run: Pick<RunFields<unknown>, "command" | "files">, shell: readonly string[]): RunCommand {
  const { command, files } = run;
  if (command.form === "exec") return { args: command.args, script: undefined };
  const [file] = files;
  if (file === undefined) return { args: [...shell, command.text], script: undefined };
  if (files.length === 1 && isOnlyHeredoc(command.text)) {
    const text = file.stripTabs ? stripLeadingTabs(file.content) : file.content;
    if (!text.startsWith("#!")) return { args: [...shell, text], script: undefined };
    // The name comes from the Dockerfile and becomes a file's.
    const name = file.name.replace(/[^A-Za-z0-9_.-]/g, "_").replace(/^\.+/, "_");
    return { args: [...shell, `${scriptDirectory}/${name}`], script: { name, text } };
  }
  const whole = [command.text, ...files.map(({ content, name }) => content + name)].join("\n");
  return { args: [...shell, whole], script: undefined };
}

const isOnlyHeredoc = (text: string): boolean => /^\d*<<-?\s*(?:"[^"<]*"|'[^'<]*'|[^\s<"']+)$/.test(text);
