import { parse } from "@ctr/dockerfile";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { from, isBuilderError } from "../src/index.ts";

const cases = [
  {
    recipe: from("busybox").workdir("/app").copy("src", "./").run("make").cmd(["./app"]),
    is: 'FROM busybox\nWORKDIR /app\nCOPY src ./\nRUN make\nCMD ["./app"]\n',
    why: "as one would write it",
  },
  {
    recipe: from("busybox").env({ A: "1", B: "x $y" }).label({ "a.b": 'say "hi"' }),
    is: 'FROM busybox\nENV A=1 B="x \\$y"\nLABEL a.b="say \\"hi\\""\n',
    why: "a dollar sign is one",
  },
  {
    recipe: from("busybox").copy(["a b", "c$d"], "/x y/"),
    is: 'FROM busybox\nCOPY ["a b","c\\\\$d","/x y/"]\n',
    why: "names with spaces",
  },
  {
    recipe: from("busybox").run("set -e\necho EOF\nEOF\n"),
    is: "FROM busybox\nRUN <<'EOF_'\nset -e\necho EOF\nEOF\nEOF_\n",
    why: "a script, whatever its lines are",
  },
  {
    recipe: from("busybox").run("echo a \\"),
    is: "FROM busybox\nRUN <<'EOF'\necho a \\\nEOF\n",
    why: "a backslash at its end",
  },
  {
    recipe: from("busybox").run(["ls", "-l"], { network: "none", mounts: ["type=cache,target=/c"] }),
    is: 'FROM busybox\nRUN --mount=type=cache,target=/c --network=none ["ls","-l"]\n',
    why: "flags",
  },
] as const;

describe("a recipe is a Dockerfile", () => {
  for (const { recipe, is, why } of cases)
    test(`${JSON.stringify(is)}: ${why}`, () => expect(recipe.dockerfile()).toBe(is));

  test("other recipes are stages: in front, and once", () => {
    const tools = from("busybox", { as: "tools" }).run("make tools");
    const app = from(tools).run("make app");
    const image = from("scratch").copy("/app", "/", { from: app }).copy("/tool", "/", { from: tools, chown: "1:2" });
    expect(image.dockerfile()).toBe(
      [
        ...["FROM busybox AS tools", "RUN make tools"],
        ...["FROM tools AS stage-1", "RUN make app"],
        ...["FROM scratch", "COPY --from=1 /app /", "COPY --from=tools --chown=1:2 /tool /", ""],
      ].join("\n"),
    );
  });

  test("no text becomes an instruction of its own", () => {
    const text = fc.string({ unit: fc.constantFrom(..."aA$\\\"' \n#<EOF[]-=:,{}\t\r") });
    fc.assert(
      fc.property(text, text, (a, b) => {
        try {
          const file = from("busybox").run(a).workdir(b).copy(a, b).env({ X: a }).cmd([a, b]).dockerfile();
          const names = parse(file).instructions.map(({ name }) => name);
          expect(names).toEqual(["FROM", "RUN", "WORKDIR", "COPY", "ENV", "CMD"]);
        } catch (error) {
          if (!isBuilderError(error)) throw error;
          expect(error.code).toBe("ERR_BUILDER_OPERAND");
        }
      }),
    );
  });
});
