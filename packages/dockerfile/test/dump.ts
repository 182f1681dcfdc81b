import type { Dockerfile, Instruction, Statement } from "../src/index.ts";

// BuildKit's s-expressions of a file, which its vectors are compared in.

/** One line for each statement, in order. */
export function dump(dockerfile: Dockerfile): string[] {
  return statements(dockerfile).map(dumpStatement);
}

export function statements(dockerfile: Dockerfile): (Instruction | Statement)[] {
  return dockerfile.nodes.flatMap((node) =>
    node.kind === "instruction" ? [node.instruction] : node.kind === "invalid" ? [node.statement] : [],
  );
}

function dumpStatement(statement: Instruction | Statement): string {
  const keyword = statement.keyword.text.toLowerCase();
  const flags = statement.flags.map(({ name, value }) =>
    quote(value === undefined ? `--${name}` : `--${name}=${value}`),
  );
  const head = flags.length === 0 ? keyword : `${keyword} [${flags.join(" ")}]`;
  return [head, ...operands(statement)].join(" ");
}

function operands(statement: Instruction | Statement): string[] {
  if (!("name" in statement)) {
    // BuildKit keeps nothing of what it does not know.
    const known = ["HEALTHCHECK", "RUN", "CMD", "ENTRYPOINT", "COPY", "ADD", "FROM"].includes(
      statement.keyword.text.toUpperCase(),
    );
    return known ? statement.operands.map(({ text }) => quote(text)) : ['""'];
  }
  if (statement.name === "ONBUILD") return [`(${dumpStatement(statement.trigger)})`];
  if (statement.name === "ENV" || statement.name === "LABEL") {
    const separator = statement.legacy ? "" : "=";
    return statement.pairs.flatMap(({ key, value }) => [key.text, value.text, separator].map(quote));
  }
  return statement.operands.map(({ text }) => quote(text));
}

// Go's strconv.Quote.
function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1);
  return `"${escaped.replace(/\\u00|\u007f/g, (found) => (found === "\u007f" ? "\\x7f" : "\\x"))}"`;
}
