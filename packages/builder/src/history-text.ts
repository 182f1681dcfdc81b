import type { ExpandedInstruction } from "@ctr/dockerfile";
import { withoutPassword } from "./git-reference.ts";
import type { Variable } from "./variables.ts";

/**
 * An instruction as `docker history` shows it: variables put in, strings of the exec form as JSON.
 *
 * @param source  As written; for instructions that nothing is put into.
 */
export function historyText(
  instruction: Exclude<ExpandedInstruction, { readonly name: "RUN" }>,
  source: string,
): string {
  const pair = ({ key, value }: { readonly key: string; readonly value: string }): string => `${key}=${value}`;
  switch (instruction.name) {
    case "ADD":
    case "COPY": {
      const { chown, chmod } = instruction;
      const flags = [
        ...(instruction.name === "COPY" && instruction.parents ? ["--parents"] : []),
        ...(instruction.name === "COPY" && instruction.from !== undefined ? [`--from=${instruction.from}`] : []),
        ...(chown === undefined ? [] : [`--chown=${chown}`]),
        ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
      ];
      const sources = [
        ...instruction.sources.map(withoutPassword),
        ...instruction.files.map(({ path }) => `<<${path}`),
      ];
      return [instruction.name, ...flags, ...sources, instruction.destination].join(" ");
    }
    case "ARG":
      return `ARG ${instruction.args.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`)).join(" ")}`;
    case "ENV":
    case "LABEL":
      return `${instruction.name} ${instruction.pairs.map(pair).join(" ")}`;
    case "EXPOSE":
      return `EXPOSE ${instruction.ports.join(" ")}`;
    case "STOPSIGNAL":
      return `STOPSIGNAL ${instruction.signal}`;
    case "USER":
      return `USER ${instruction.user}`;
    case "VOLUME":
      return `VOLUME ${JSON.stringify(instruction.paths)}`;
    case "WORKDIR":
      return `WORKDIR ${instruction.path}`;
    default:
      return source;
  }
}

/** A RUN as `docker history` shows it: the arguments it saw, counted, then what was executed. */
export function runHistoryText(args: readonly string[], variables: readonly Variable[]): string {
  const shown = variables.map(({ name, value }) => `${name}=${value}`);
  const count = shown.length === 0 ? [] : [`|${shown.length}`];
  return ["RUN", ...count, ...shown, ...args].join(" ");
}
