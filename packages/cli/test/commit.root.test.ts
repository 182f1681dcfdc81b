import { afterAll, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr commit and ctr diff (needs root)", () => {
  const ctr = temporaryCtr();
  // Their layers would be traces of this test.
  afterAll(async () => {
    await ctr.removeContainers();
    const ids = (await ctr.say("images", "-q", "--no-trunc")).split("\n");
    const kept = await ctr.say("image", "inspect", "-f", "{{.Id}}", "busybox");
    await ctr.say("rmi", "-f", ...new Set(ids.filter((id) => id !== kept)));
  });

  async function ran(script: string, ...flags: string[]): Promise<string> {
    const id = await ctr.background(flags, script);
    expect(await ctr.say("wait", id)).toBe("0");
    return id;
  }

  test("diff: a line for each file, as docker prints it; container diff is the same", async () => {
    const id = await ran("mkdir /d; touch /d/new; rm /bin/vi; echo x >> /etc/passwd");
    const lines = "C /bin\nD /bin/vi\nA /d\nA /d/new\nC /etc\nC /etc/passwd";
    expect(await ctr.say("diff", id)).toBe(lines);
    expect(await ctr.say("container", "diff", id.slice(0, 12))).toBe(lines);
  });

  test("diff of what changed nothing prints nothing, also after a start", async () => {
    const id = await ctr.say("create", "busybox", "true");
    expect(await ctr.say("diff", id)).toBe("");
    await ctr.say("start", id);
    await ctr.say("wait", id);
    expect(await ctr.say("diff", id)).toBe("");
  });

  test("diff: a name cannot look like another line, nor reach the terminal", async () => {
    const id = await ran("touch \"$(printf '/a\\nD b\\033[2J')\"");
    expect(await ctr.say("diff", id)).toBe("A /a\\u000aD b\\u001b[2J");
  });

  test("commit prints the id, and what was changed is in the image", async () => {
    const id = await ran("echo kept > /kept; rm /bin/vi");
    expect(await ctr.say("commit", "-a", "me", "-m", "a note", id, "made:1")).toMatch(/^sha256:[0-9a-f]{64}$/);
    const { status, stdout } = await ctr.call([
      "run",
      "--rm",
      "--network",
      "none",
      "made:1",
      "sh",
      "-c",
      "cat /kept; ls /bin/vi",
    ]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "kept\n" });
    expect(await ctr.say("image", "inspect", "-f", "{{.Author}} {{json .Config.Cmd}}", "made:1")).toBe(
      'me ["sh","-c","echo kept > /kept; rm /bin/vi"]',
    );
  });

  test("--change sets what a container of it runs; container commit is the same", async () => {
    const id = await ran("touch /x", "-e", "A=1");
    const flags = ["-c", 'CMD ["sh", "-c", "echo $A $B; pwd"]', "--change", "ENV B=$A$A", "-c", "WORKDIR /tmp"];
    await ctr.say("container", "commit", ...flags, "--pause=false", id, "changed");
    expect(await ctr.say("run", "--rm", "--network", "none", "changed")).toBe("1 11\n/tmp");
  });

  test("a running container goes on afterwards", async () => {
    const id = await ctr.start();
    await ctr.say("commit", id, "live");
    expect(await ctr.say("exec", id, "echo", "alive")).toBe("alive");
    await ctr.say("commit", "-p", id, "live");
    await ctr.say("commit", "--no-pause", id, "live");
    await ctr.say("rm", "-f", id);
  });

  test("SOURCE_DATE_EPOCH: the same files are the same image", async () => {
    const env = { SOURCE_DATE_EPOCH: "1600000000" };
    const ids = [await ran("touch /x"), await ran("touch /x")];
    const images = await Promise.all(ids.map(async (id) => (await ctr.call(["commit", id], { env })).stdout));
    expect(images[0]).toBe(images[1]);
    expect(await ctr.call(["commit", ids[0]!], { env: { SOURCE_DATE_EPOCH: "soon" } })).toMatchObject({
      status: 1,
      stderr: 'ctr: invalid SOURCE_DATE_EPOCH: "soon"; seconds since 1970 were expected\n',
    });
  });

  const refusals = [
    { args: ["diff", "nobody"], is: /No such container: nobody/, why: "no container" },
    { args: ["commit", "nobody"], is: /No such container: nobody/, why: "no container" },
    { args: ["commit", "ID", "Upper/Case"], is: /invalid reference format/, why: "no name" },
    { args: ["commit", "ID", `x@sha256:${"0".repeat(64)}`], is: /digest/, why: "a digest is made, not given" },
    { args: ["commit", "-c", "RUN x", "ID"], is: /run is not a valid change command/, why: "nothing is run" },
    { args: ["commit", "-c", "NONSENSE", "ID"], is: /NONSENSE/i, why: "no instruction" },
  ] as const;
  for (const { args, is, why } of refusals)
    test(`${args.join(" ").slice(0, 40)} is refused: ${why}`, async () => {
      const id = args.includes("ID" as never) ? await ctr.say("create", "busybox", "true") : "";
      const before = await ctr.say("images", "-q", "--no-trunc");
      const done = await ctr.call(args.map((arg) => (arg === "ID" ? id : arg)));
      expect(done).toMatchObject({ status: 1, stdout: "" });
      expect(done.stderr).toMatch(is);
      expect(await ctr.say("images", "-q", "--no-trunc")).toBe(before);
    });
});
