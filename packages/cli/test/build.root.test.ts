import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";

describe.skipIf(notRoot)("ctr build (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-build-"));
  const ctr = new Ctr(join(directory, "state"));
  const context = join(directory, "context");
  beforeAll(async () => {
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    mkdirSync(join(context, "src"), { recursive: true });
    writeFileSync(join(context, "src/app.txt"), "one\n");
  });
  afterAll(async () => {
    await ctr.removeContainers();
    rmSync(directory, { recursive: true, force: true });
  });

  const build = (text: string, ...args: string[]) => {
    writeFileSync(join(context, "Dockerfile"), text);
    return ctr.call(["build", "--network", "none", ...args, context]);
  };

  const dockerfile = [
    "FROM busybox",
    "WORKDIR /app",
    "RUN echo made > made.txt",
    "COPY src ./src",
    'CMD ["cat", "made.txt", "src/app.txt"]',
    "",
  ].join("\n");

  test("the image runs; the same again reuses every step; a changed file reruns its own, and says so", async () => {
    const first = await build(dockerfile, "-t", "app");
    expect(first).toMatchObject({ status: 0, stdout: "" });
    expect((await ctr.call(["run", "--rm", "--network", "none", "app"])).stdout).toBe("made\none\n");
    const second = await build(dockerfile, "-t", "app");
    expect(second.stderr.match(/^#\d+ CACHED$/gm)?.length).toBe(3);
    const written = /writing image sha256:[0-9a-f]{64}/;
    expect(written.exec(second.stderr)?.[0]).toBe(written.exec(first.stderr)?.[0]);
    writeFileSync(join(context, "src/app.txt"), "two\n");
    const third = await build(dockerfile, "-t", "app", "--why");
    expect(third.stdout).toBe(
      "step 2 (line 2) reused\nstep 3 (line 3) reused\nstep 4 (line 4) ran: src/app.txt changed\n",
    );
    expect((await ctr.call(["run", "--rm", "--network", "none", "app"])).stdout).toBe("made\ntwo\n");
  });

  test("-q prints the id alone, --iidfile keeps it", async () => {
    const file = join(directory, "id");
    const { status, stdout, stderr } = await build(dockerfile, "-q", "--iidfile", file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(readFileSync(file, "utf8")).toBe(stdout.trim());
  });

  const mistakes = [
    {
      text: "FROM busybox\nRUM true\n",
      says: /^ctr: Dockerfile:2:1: .*RUM[\s\S]*\n.*RUM true\n.*\^[\s\S]*RUN/,
      why: "a misspelt word",
    },
    {
      text: "FROM busybox\nRUN echo last words; exit 7\n",
      says: /Dockerfile:2:1: .*exit code: 7/,
      why: "a step that fails",
    },
    {
      text: "FROM 127.0.0.1:1/no-such-image\n",
      says: /Dockerfile:1:6: 127.0.0.1:1\/no-such-image: failed to resolve source metadata for /,
      why: "a base that is not there",
    },
    {
      text: "FROM busybox\nCOPY missing /\n",
      says: /Dockerfile:2:\d+: .*missing/,
      why: "a file that is not in the context",
    },
    {
      text: "FROM busybox\nRUN --device=vendor.com/x=all true\n",
      says: /--device.* is not supported yet/,
      why: "not done, so not ignored",
    },
  ] as const;
  for (const { text, says, why } of mistakes)
    test(`${JSON.stringify(text)}: ${why}`, async () => {
      const { status, stderr } = await build(text, "-t", "broken");
      expect(stderr).toMatch(new RegExp(says.source.replace(/^\^/, ""), "m"));
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(status).toBe(1);
      expect((await ctr.call(["images", "-q", "broken"])).stdout).toBe("");
    });

  test("a step's last words are shown before its failure", async () => {
    const { stderr } = await build("FROM busybox\nRUN echo last words; exit 7\n");
    expect(stderr).toMatch(/^#2 [0-9.]+ last words\n#2 ERROR: process "\/bin\/sh -c echo last words; exit 7"/m);
    expect(stderr).toMatch(/^------\n > \[2\/2\] RUN echo last words; exit 7:\n[0-9.]+ last words\n------$/m);
  });

  test("an image whose STOPSIGNAL is no signal makes a container that can be stopped", async () => {
    const { status } = await build('FROM busybox\nSTOPSIGNAL SIGNOTHING\nCMD ["sleep", "1000"]\n', "-t", "deaf");
    expect(status).toBe(0);
    await ctr.say("run", "-d", "--network", "none", "--name", "deaf", "deaf");
    expect((await ctr.call(["stop", "-t", "0", "deaf"])).status).toBe(0);
  });

  test("builder prune gives back what only builds keep", async () => {
    expect(await ctr.say("builder", "prune", "-a", "-f")).toMatch(/\nTotal reclaimed space: /);
    expect(await ctr.say("builder", "du")).toMatch(/^ID .*DESCRIPTION\nShared: .*\nPrivate: +0B\n/);
  });
});
