import { expect, test } from "vitest";
import { showCommand, showPath } from "../src/show-text.ts";

const commands = [
  { command: '/bin/sh -c #(nop)  CMD ["sh"]', is: 'CMD ["sh"]', why: "the old builder's instruction" },
  { command: "/bin/sh -c apt-get update", is: "RUN apt-get update", why: "the old builder's RUN" },
  { command: "RUN /bin/sh -c npm ci # buildkit", is: "RUN npm ci", why: "BuildKit's" },
  { command: "COPY a b # buildkit", is: "COPY a b", why: "BuildKit's other instructions" },
  { command: "RUN a \\\n    && b", is: "RUN a \\ && b", why: "one line" },
  { command: undefined, is: "", why: "an image that does not say" },
  { command: "x".repeat(50), is: `${"x".repeat(39)}…`, why: "cut" },
] as const;
for (const { command, is, why } of commands) test(`${why}: ${is}`, () => expect(showCommand(command, 40)).toBe(is));

test("a path stays on its line", () => expect(showPath("/a\nb\tc\\d")).toBe("/a\\nb\\tc\\\\d"));
