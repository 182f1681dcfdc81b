import { beforeAll, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr logs (needs root)", () => {
  const ctr = temporaryCtr();
  beforeAll(async () => {
    await ctr.call([
      "run",
      "--network",
      "none",
      "--name",
      "five",
      "busybox",
      "sh",
      "-c",
      "for i in 1 2 3 4 5; do echo line $i; done",
    ]);
  });

  const tails = [
    { flags: [], is: "line 1\nline 2\nline 3\nline 4\nline 5\n", why: "all" },
    { flags: ["--tail", "2"], is: "line 4\nline 5\n", why: "the last two" },
    { flags: ["-n", "0"], is: "", why: "none" },
    { flags: ["--tail", "99"], is: "line 1\nline 2\nline 3\nline 4\nline 5\n", why: "more than there are" },
    { flags: ["--since", "1h"], is: "line 1\nline 2\nline 3\nline 4\nline 5\n", why: "written in the last hour" },
    { flags: ["--until", "1h"], is: "", why: "nothing is older" },
    { flags: ["--since", "2100-01-01T00:00:00Z"], is: "", why: "nothing is newer" },
    { flags: ["--since", "0", "--tail", "1"], is: "line 5\n", why: "seconds since 1970" },
    { flags: ["-f"], is: "line 1\nline 2\nline 3\nline 4\nline 5\n", why: "it has ended: nothing to follow" },
  ] as const;
  for (const { flags, is, why } of tails)
    test(`logs ${flags.join(" ")}: ${why}`, async () => {
      expect(await ctr.call(["logs", ...flags, "five"])).toEqual({ status: 0, stdout: is, stderr: "" });
    });

  const refusals = [
    { args: ["--tail", "few", "five"], stderr: /"few" for --tail/ },
    { args: ["--since", "whenever", "five"], stderr: /"whenever" is no time/ },
    { args: ["nobody"], stderr: /No such container: nobody/ },
  ] as const;
  for (const { args, stderr } of refusals)
    test(`logs ${args.join(" ")} is refused`, async () => {
      const done = await ctr.call(["logs", ...args]);
      expect(done.status).not.toBe(0);
      expect(done.stderr).toMatch(stderr);
      expect(done.stderr.trimEnd().split("\n")).toHaveLength(1);
    });

  test("-t: RFC 3339 in front of each line, in order; --since takes one back", async () => {
    const lines = (await ctr.say("logs", "-t", "five")).split("\n");
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line \d$/);
    expect(lines).toEqual(lines.toSorted());
    const time = lines[0]!.split(" ")[0]!;
    expect((await ctr.say("logs", "--since", time, "five")).split("\n")).toHaveLength(5);
  });

  test("both streams come out as what they were", async () => {
    await ctr.call(["run", "--network", "none", "--name", "streams", "busybox", "sh", "-c", "echo out; echo err >&2"]);
    expect(await ctr.call(["logs", "streams"])).toEqual({ status: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("a long line and a last line without its end come out as they were", async () => {
    const script = "head -c 100000 /dev/zero | tr '\\0' x; echo; printf end";
    await ctr.call(["run", "--network", "none", "--name", "long", "busybox", "sh", "-c", script]);
    expect((await ctr.call(["logs", "long"])).stdout).toBe(`${"x".repeat(100_000)}\nend`);
    expect((await ctr.call(["logs", "--tail", "2", "long"])).stdout).toBe(`${"x".repeat(100_000)}\nend`);
  });

  test("-f: goes on to the end, however late it comes", async () => {
    await ctr.background(["--name", "slow"], "echo first; while ! [ -e /go ]; do sleep 0.1; done; echo last");
    const following = ctr.call(["logs", "-f", "slow"]);
    await ctr.wrote("slow", "first");
    await ctr.say("exec", "slow", "touch", "/go");
    expect(await following).toEqual({ status: 0, stdout: "first\nlast\n", stderr: "" });
  });

  test("what hostile text says in a log reaches the terminal as it is, and JSON holds it", async () => {
    const script = "printf '\\033[31m\"\\\\\\n\\377\\000end\\n'";
    await ctr.call(["run", "--network", "none", "--name", "hostile", "busybox", "sh", "-c", script]);
    expect((await ctr.call(["logs", "hostile"])).stdout).toBe('\u001b[31m"\\\n\ufffd\u0000end\n');
  });
});
