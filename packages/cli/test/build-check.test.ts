import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Ctr } from "./ctr.ts";

describe("ctr build --check", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-check-"));
  const ctr = new Ctr(join(directory, "state"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const check = (files: Readonly<Record<string, string>>, ...args: string[]) => {
    const context = mkdtempSync(join(directory, "context-"));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(context, name, ".."), { recursive: true });
      writeFileSync(join(context, name), text);
    }
    const place = args.map((arg) => arg.replace("CONTEXT", context));
    return ctr.call(["build", "--check", ...place, context]);
  };

  test("nothing to say is success", async () => {
    const answer = await check({ Dockerfile: "FROM scratch\n" });
    expect(answer).toEqual({ status: 0, stdout: "Check complete, no warnings found.\n", stderr: "" });
  });

  test("a finding is exit status 1, on standard output", async () => {
    const { status, stdout, stderr } = await check({ Dockerfile: "FROM scratch as base\n" });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout.split("\n").slice(0, 6)).toEqual([
      "Check complete, 1 warning has been found!",
      "",
      "WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
      "'as' and 'FROM' keywords' casing do not match",
      "Dockerfile:1",
      "--------------------",
    ]);
  });

  test("a mistake is exit status 1, on standard error", async () => {
    const { status, stderr } = await check({ Dockerfile: "FROM scratch\nRNU x\n" });
    expect(status).toBe(1);
    expect(stderr).toContain(
      "dockerfile parse error on line 2: unknown instruction: RNU (did you mean RUN?)\nDockerfile:2\n",
    );
  });

  test("the ignore file of the Dockerfile comes before that of the context", async () => {
    const files = {
      "a.Dockerfile": "FROM scratch\nCOPY x y /\n",
      "a.Dockerfile.dockerignore": "x",
      ".dockerignore": "y",
    };
    const { stdout } = await check(files, "-f", "CONTEXT/a.Dockerfile");
    expect(stdout).toContain('file "x" that is excluded');
    expect(stdout).not.toContain('file "y"');
  });

  test("arguments, a target, and options of the caller", async () => {
    const text = "FROM scratch as a\nENV x y\nFROM scratch AS b\nENV z $w\nARG w\n";
    const { stdout } = await check(
      { Dockerfile: text },
      "--target",
      "b",
      "--build-arg",
      "BUILDKIT_DOCKERFILE_CHECK=skip=FromAsCasing",
    );
    expect(stdout.match(/^WARNING: \w+/gm)).toEqual(["WARNING: UndefinedVar", "WARNING: LegacyKeyValueFormat"]);
  });
});
