import type { Dockerfile } from "./tree.ts";

/** The file as text, from its tokens: `print(parse(text)) === text`, also for a file with mistakes. */
export function print(dockerfile: Pick<Dockerfile, "nodes">): string {
  return dockerfile.nodes.map((node) => node.tokens.map((token) => token.text).join("")).join("");
}
