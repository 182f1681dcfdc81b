import { parse, print } from "@ctr/dockerfile";

const text = "# pinned by hand\nFROM   node:22  AS build\n";
const nodes = parse(text).nodes.map((node) => ({
  ...node,
  tokens: node.tokens.map((token) => (token.text === "node:22" ? { ...token, text: "node:24" } : token)),
}));
process.stdout.write(print({ nodes }));
// prints: # pinned by hand
// prints: FROM   node:24  AS build
