import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Ctr, notRoot, type Result } from "./ctr.ts";

describe.skipIf(notRoot)("contexts of ctr build (needs root)", () => {
  const state = mkdtempSync(join(tmpdir(), "ctr-build-contexts-"));
  const ctr = new Ctr(state);
  beforeAll(() => ctr.say("image", "from-host", "--tag", "busybox", "busybox"));
  afterAll(async () => {
    await ctr.removeContainers();
    rmSync(state, { recursive: true, force: true });
  });

  /** A directory of the test's own, with these files. */
  function directory(files: Readonly<Record<string, string>>): string {
    const made = mkdtempSync(join(tmpdir(), "ctr-context-test-"));
    onTestFinished(() => rmSync(made, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(made, name, ".."), { recursive: true });
      writeFileSync(join(made, name), text);
    }
    return made;
  }

  const build = (args: readonly string[], input?: string | Uint8Array, cwd?: string): Promise<Result> =>
    ctr.call(["build", "--network", "none", "-t", "x", ...args], {
      ...(input === undefined ? {} : { input }),
      ...(cwd === undefined ? {} : { cwd }),
    });

  const show = async (path: string): Promise<string> =>
    (await ctr.call(["run", "--rm", "--network", "none", "x", "cat", path])).stdout;

  const files = {
    Dockerfile: "FROM busybox\nCOPY f /f\n",
    f: "from the file\n",
    "d/Other": "FROM busybox\nCOPY f /g\n",
  };

  test("an archive on standard input; nothing of it is left", async () => {
    const here = directory(files);
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("ctr-context-"));
    const archive = execFileSync("tar", ["-C", here, "-cz", "."]);
    expect(await build(["-"], archive)).toMatchObject({ status: 0 });
    expect(await show("/f")).toBe("from the file\n");
    expect(await build(["-f", "d/Other", "-"], archive)).toMatchObject({ status: 0 });
    expect(await show("/g")).toBe("from the file\n");
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("ctr-context-"))).toEqual(before);
  });

  test("a Dockerfile on standard input, alone or beside a context; its mistakes are shown", async () => {
    const here = directory(files);
    expect(await build(["-"], "FROM busybox\nRUN echo alone > /f\n")).toMatchObject({ status: 0 });
    expect(await show("/f")).toBe("alone\n");
    expect(await build(["-f", "-", here], "FROM busybox\nCOPY f /h\n")).toMatchObject({ status: 0 });
    expect(await show("/h")).toBe("from the file\n");
    const { status, stderr } = await build(["-f", "-", here], "FROM busybox\nCOPY none /\n");
    expect(status).toBe(1);
    expect(stderr).toMatch(/Dockerfile:2:1: .*none[^\n]*\n {2}COPY none \/\n {2}\^$/m);
  });

  test("-f: from the working directory, else from the context; elsewhere with its own ignore file", async () => {
    const here = directory(files);
    expect(await build(["-f", "d/Other", here])).toMatchObject({ status: 0 });
    expect(await build(["-f", "d/Other", "."], undefined, here)).toMatchObject({ status: 0 });
    const other = directory({ File: "FROM busybox\nCOPY f /f\n", "File.dockerignore": "f\n" });
    expect((await build(["-f", join(other, "File"), here])).stderr).toMatch(/f: file does not exist/);
  });

  test("an address: an archive over HTTP", async () => {
    const archive = execFileSync("tar", ["-C", directory(files), "-c", "."]);
    const server = createServer((_, response) => response.end(archive)).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await build([`http://127.0.0.1:${(server.address() as AddressInfo).port}/c.tar`])).toMatchObject({
      status: 0,
    });
    expect(await show("/f")).toBe("from the file\n");
  });

  test("--build-context: a directory and an image by other names, also in a mount", async () => {
    const here = directory({ Dockerfile: files.Dockerfile });
    const other = directory({ f: "from another\n" });
    const text = [
      "FROM base",
      "COPY --from=other f /f",
      "RUN --mount=from=other,target=/m cat /m/f > /g",
      "FROM busybox",
      "COPY --from=0 /f /g /",
    ].join("\n");
    const contexts = ["--build-context", `other=${other}`, "--build-context", "base=docker-image://busybox"];
    expect(await build([...contexts, "-f", "-", here], text)).toMatchObject({ status: 0 });
    expect([await show("/f"), await show("/g")]).toEqual(["from another\n", "from another\n"]);
  });

  const mistakes = [
    { args: ["none"], says: /unable to prepare context: path "none" not found/, why: "no directory" },
    { args: ["-f", "-", "-"], says: /can't use stdin for both build context and dockerfile/, why: "one input" },
    { args: ["-"], says: /unable to prepare context: the archive: it is empty/, why: "nothing on it" },
    { args: ["--build-context", "x", "."], says: /invalid context value: x, expected k=v/, why: "no value" },
    { args: ["--build-context", "x=none", "."], says: /failed to get build context x: stat none/, why: "not there" },
    { args: ["--build-context", "-x=.", "."], says: /invalid context name -x/, why: "no name" },
    { args: ["https://127.0.0.1:1/x.tar"], says: /failed to load https:.*ECONNREFUSED/, why: "nobody there" },
  ];
  for (const { args, says, why } of mistakes)
    test(`ctr build ${args.join(" ")}: ${why}`, async () => {
      const { status, stderr } = await build(args, "");
      expect(stderr).toMatch(says);
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(status).toBe(1);
    });

  test("security C1: a Dockerfile that is a link out of its context is not read, whoever names it", async () => {
    const here = directory({ f: "f" });
    const secret = directory({ shadow: "FROM secret-of-the-host\n" });
    symlinkSync(join(secret, "shadow"), join(here, "Dockerfile"));
    for (const args of [[here], ["-f", join(here, "Dockerfile"), here], ["-f", "Dockerfile", "."]]) {
      const { status, stderr } = await build(args, "", here);
      expect(status).toBe(1);
      expect(stderr).not.toContain("secret-of-the-host");
    }
    expect(readFileSync(join(secret, "shadow"), "utf8")).toContain("secret");
  });

  test("--check of a Dockerfile on standard input", async () => {
    const { status, stdout } = await ctr.call(["build", "--check", "-f", "-", directory(files)], {
      input: "from busybox\nCOPY f /\n",
    });
    expect(stdout).toContain("ConsistentInstructionCasing");
    expect(status).toBe(1);
  });
});
