import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr export (needs root)", () => {
  const ctr = temporaryCtr();
  // Their layers would be traces of this test.
  afterAll(async () => {
    await ctr.removeContainers();
    const ids = (await ctr.say("images", "-q", "--no-trunc")).split("\n");
    const kept = await ctr.say("image", "inspect", "-f", "{{.Id}}", "busybox");
    await ctr.say("rmi", "-f", ...new Set(ids.filter((id) => id !== kept)));
  });
  const directory = mkdtempSync(join(tmpdir(), "ctr-export-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "all.tar");
  const names = (): string[] => execFileSync("tar", ["tf", file], { encoding: "utf8" }).trimEnd().split("\n");

  test("the image's files and the container's, without volumes and what the kernel shows", async () => {
    const id = await ctr.start("-v", `${directory}:/volume`);
    await ctr.say("exec", id, "sh", "-c", "touch /own /volume/elsewhere; rm /bin/vi");
    expect(await ctr.say("export", "-o", file, id)).toBe("");
    const running = names();
    expect(running).toEqual(expect.arrayContaining(["bin/busybox", "own", "volume/", "proc/", "sys/", "dev/"]));
    expect(running).not.toContain("bin/vi");
    expect(running.filter((name) => /^(?:proc|sys|dev|volume)\/./.test(name))).toEqual([]);
    await ctr.say("stop", "-t", "0", id);
    expect(await ctr.say("container", "export", "--output", file, id)).toBe("");
    expect(names()).toEqual(running);
  });

  test("to standard output; import makes an image of it", async () => {
    const id = await ctr.say("create", "busybox", "true");
    await ctr.say("export", "-o", file, id);
    await ctr.say("import", file, "again");
    expect(await ctr.say("run", "--rm", "--network", "none", "again", "/bin/echo", "hello")).toBe("hello");
    const { stdout } = await ctr.call(["export", id]);
    expect(stdout.length).toBeGreaterThan(100_000);
  });

  test("a file has its name once it is whole", async () => {
    rmSync(file, { force: true });
    expect(await ctr.call(["export", "-o", file, "nobody"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "ctr: No such container: nobody\n",
    });
    expect(existsSync(file)).toBe(false);
    const id = await ctr.say("create", "busybox", "true");
    expect((await ctr.call(["export", "-o", join(directory, "no/such"), id])).stderr).toMatch(/invalid output path/);
    await ctr.say("export", "-o", file, id);
    expect(statSync(file).size % 512).toBe(0);
    expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
  });
});
