import { afterEach, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("ctr ps, inspect, stop, kill, rm, wait (needs root)", () => {
  const ctr = temporaryCtr();
  afterEach(async () => {
    await ctr.removeContainers();
    expect(await ctr.traces.left()).toEqual([]);
  });

  const stubborn = 'trap "" TERM; echo ready; while :; do sleep 0.1; done';

  test("ps: a table of what runs; -a: of all; -q: ids; -l: the newest", async () => {
    expect(await ctr.say("ps")).toBe("CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES");
    const made = await ctr.say("create", "--name", "made", "busybox", "true");
    const up = await ctr.start("--name", "up");
    const [heading, row, ...more] = (await ctr.say("ps")).split("\n");
    expect(more).toEqual([]);
    expect(heading).toMatch(/^CONTAINER ID {3}IMAGE {5}COMMAND +CREATED +STATUS +PORTS +NAMES$/);
    expect(row).toMatch(new RegExp(`^${up.slice(0, 12)} {3}busybox {3}"sh -c trap 'exit 0'…" {3}.* ago {3}Up .* up$`));
    const all = (await ctr.say("ps", "-a")).split("\n");
    expect(all).toHaveLength(3);
    expect(all[2]).toMatch(new RegExp(`^${made.slice(0, 12)} {3}busybox {3}"true" .* Created +made$`));
    expect(await ctr.say("ps", "-q")).toBe(up.slice(0, 12));
    expect(await ctr.say("ps", "-aq", "--no-trunc")).toBe(`${up}\n${made}`);
    expect(await ctr.say("ps", "-lq", "--no-trunc")).toBe(up);
    await ctr.call(["run", "--network", "none", "--name", "over", "busybox", "sh", "-c", "exit 3"]);
    expect(await ctr.say("ps", "-a", "--format", "{{.Names}}: {{.Status}}")).toMatch(
      /^over: Exited \(3\) .* ago\nup: Up .*\nmade: Created$/,
    );
  });

  test("ps --format: a template for each, json, a table", async () => {
    const id = await ctr.say("create", "--name", "one", "-l", "a=b", "busybox", "true");
    expect(await ctr.say("ps", "-a", "--format", "{{.ID}}\\t{{.Names}}\\t{{.Labels}}")).toBe(
      `${id.slice(0, 12)}\tone\ta=b`,
    );
    expect(JSON.parse(await ctr.say("ps", "-a", "--format", "json"))).toMatchObject({
      ID: id.slice(0, 12),
      Image: "busybox",
      Names: "one",
      State: "created",
    });
    expect(await ctr.say("ps", "-a", "--format", "table {{.Names}}\\t{{.State}}")).toBe(
      "NAMES   STATE\none     created",
    );
    const wrong = await ctr.call(["ps", "-a", "--format", "{{.NoSuchField}}"]);
    expect(wrong).toMatchObject({
      status: 64,
      stdout: "",
      stderr: expect.stringMatching(/^ctr: template: .*NoSuchField/),
    });
  });

  test("inspect: Docker's names, paths into them, JSON", async () => {
    const id = await ctr.start("--name", "one", "-e", "A=1", "-w", "/tmp", "-l", "a.b=c", "--read-only");
    const [document] = JSON.parse(await ctr.say("inspect", "one"));
    expect(document).toMatchObject({
      Id: id,
      Name: "/one",
      Path: "sh",
      State: { Status: "running", Running: true, ExitCode: 0, Pid: expect.any(Number) },
      HostConfig: { NetworkMode: "none", ReadonlyRootfs: true, AutoRemove: false, Privileged: false },
      Config: {
        Image: "busybox",
        WorkingDir: "/tmp",
        Labels: { "a.b": "c" },
        Hostname: id.slice(0, 12),
        Env: expect.arrayContaining(["A=1"]),
      },
      GraphDriver: { Name: "overlay2", Data: { MergedDir: `${ctr.root}/overlay2/${id}/merged` } },
    });
    const format = '{{.Name}} {{json .Config.Labels}} {{index .Config.Labels "a.b"}} {{.State.Pid}}';
    expect(await ctr.say("inspect", "-f", format, id.slice(0, 10))).toBe(
      `/one {"org.ctr.from-host":"busybox","a.b":"c"} c ${document.State.Pid}`,
    );
    expect(JSON.parse(await ctr.say("inspect", "-f", "json", "one")).Id).toBe(id);
    expect((await ctr.call(["inspect", "-f", "{{.No.Such}}", "one"])).status).toBe(64);
    expect(await ctr.call(["inspect", "one", "two", "-f", "{{.Name}}"])).toEqual({
      status: 1,
      stdout: "/one\n",
      stderr: "Error: No such object: two\n",
    });
    expect((await ctr.call(["inspect", "--type", "image", "one"])).status).toBe(1);
  });

  test("a beginning of an id is enough, unless two begin so", async () => {
    const ids: string[] = [];
    do ids.push(await ctr.say("create", "busybox", "true"));
    while (new Set(ids.map((id) => id[0])).size === ids.length);
    const shared = ids.at(-1)![0]!;
    expect(await ctr.call(["rm", shared])).toEqual({
      status: 1,
      stdout: "",
      stderr: `Error: more than one container begins with ${shared}: write more of the id\n`,
    });
    expect(await ctr.say("rm", ids.at(-1)!.slice(0, 20))).toBe(ids.at(-1)!.slice(0, 20));
  });

  test("stop: the stop signal is enough for a program that listens", async () => {
    const id = await ctr.start("--name", "good");
    await ctr.wrote("good", "ready");
    expect(await ctr.say("stop", "good")).toBe("good");
    expect(await ctr.say("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id)).toBe("exited 0");
    expect(await ctr.say("stop", "good")).toBe("good");
  });

  test("stop -t: SIGKILL after the time", async () => {
    await ctr.background(["--name", "stubborn"], stubborn);
    await ctr.wrote("stubborn", "ready");
    const stopped = await ctr.call(["stop", "-t", "0", "stubborn"]);
    expect(stopped).toMatchObject({ status: 0, stdout: "stubborn\n" });
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "stubborn")).toBe("137");
  });

  test("--stop-signal and --stop-timeout are remembered", async () => {
    await ctr.background(
      ["--name", "usr", "--stop-signal", "USR1"],
      "trap 'exit 4' USR1; echo ready; while :; do sleep 0.1; done",
    );
    await ctr.wrote("usr", "ready");
    expect(await ctr.say("stop", "usr")).toBe("usr");
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "usr")).toBe("4");
    await ctr.background(["--name", "hasty", "--stop-timeout", "0"], stubborn);
    await ctr.wrote("hasty", "ready");
    expect((await ctr.call(["stop", "hasty"])).stdout).toBe("hasty\n");
    expect(await ctr.say("inspect", "-f", "{{.State.ExitCode}}", "hasty")).toBe("137");
  });

  const signals = [
    { name: "USR1", why: "a name" },
    { name: "SIGUSR1", why: "with SIG" },
    { name: "usr1", why: "in small letters" },
    { name: "10", why: "a number" },
  ] as const;
  for (const { name, why } of signals)
    test(`kill -s ${name}: ${why}`, async () => {
      await ctr.background(
        ["--name", "heard"],
        "trap 'echo heard; exit 6' USR1; echo ready; while :; do sleep 0.1; done",
      );
      await ctr.wrote("heard", "ready");
      expect(await ctr.say("kill", "-s", name, "heard")).toBe("heard");
      expect(await ctr.say("wait", "heard")).toBe("6");
      expect(await ctr.say("logs", "heard")).toBe("ready\nheard");
    });

  test("kill: SIGKILL; what does not run cannot be killed", async () => {
    const id = await ctr.background(["--name", "stubborn"], stubborn);
    expect(await ctr.say("kill", "stubborn")).toBe("stubborn");
    expect(await ctr.call(["kill", "stubborn"])).toEqual({
      status: 1,
      stdout: "",
      stderr: `Error: Container ${id} is not running\n`,
    });
    expect(await ctr.call(["kill", "-s", "NOTHING", "stubborn"])).toMatchObject({ status: 1, stdout: "" });
  });

  test("start: once more, with what was written before", async () => {
    await ctr.call([
      "run",
      "--network",
      "none",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      "echo x >> /count; wc -l < /count",
    ]);
    expect(await ctr.say("start", "again")).toBe("again");
    expect(await ctr.say("wait", "again")).toBe("0");
    expect(await ctr.say("logs", "again")).toBe("1\n2");
    expect((await ctr.call(["start", "nobody"])).stderr).toBe("Error: No such container: nobody\n");
  });

  test("start of what runs changes nothing", async () => {
    await ctr.start("--name", "up");
    const pid = await ctr.say("inspect", "-f", "{{.State.Pid}}", "up");
    await ctr.call(["start", "up"]);
    expect(await ctr.say("inspect", "-f", "{{.State.Pid}}", "up")).toBe(pid);
  });

  test("rm: not while it runs, unless -f; the others go all the same", async () => {
    const id = await ctr.start("--name", "up");
    await ctr.say("create", "--name", "made", "busybox", "true");
    expect(await ctr.call(["rm", "up", "nobody", "made"])).toEqual({
      status: 1,
      stdout: "made\n",
      stderr: `Error: You cannot remove a running container ${id}. Stop the container before attempting removal or force remove\nError: No such container: nobody\n`,
    });
    expect(await ctr.say("rm", "-f", "up")).toBe("up");
    expect(await ctr.say("ps", "-aq")).toBe("");
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("wait: exit codes, also of what ends later", async () => {
    await ctr.background(["--name", "later"], "while ! [ -e /go ]; do sleep 0.1; done; exit 8");
    const waiting = ctr.call(["wait", "later"]);
    await ctr.say("exec", "later", "touch", "/go");
    expect(await waiting).toEqual({ status: 0, stdout: "8\n", stderr: "" });
  });

  test("a container whose monitor was killed is found to have ended", async () => {
    const id = await ctr.background(["--name", "orphan"], stubborn);
    await ctr.wrote("orphan", "ready");
    const pid = Number(await ctr.say("inspect", "-f", "{{.State.Pid}}", id));
    process.kill(pid, "SIGKILL");
    expect(await ctr.say("wait", "orphan")).toBe("137");
  });
});

describe.skipIf(notRoot)("ctr images, tag, rmi, info, version (needs root)", () => {
  const ctr = temporaryCtr();

  test("images: table, quiet, formats, one name", async () => {
    const [heading, row, ...more] = (await ctr.say("images")).split("\n");
    expect(more).toEqual([]);
    expect(heading).toMatch(/^REPOSITORY {3}TAG {6}IMAGE ID {7}CREATED +SIZE$/);
    expect(row).toMatch(/^busybox {6}latest {3}[0-9a-f]{12} {3}N\/A {7}[\d.]+MB$/);
    const id = await ctr.say("images", "-q");
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(await ctr.say("images", "--no-trunc", "-q", "busybox")).toMatch(new RegExp(`^sha256:${id}[0-9a-f]{52}$`));
    expect(await ctr.say("images", "-q", "other")).toBe("");
    expect(await ctr.say("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")).toBe(`busybox:latest ${id}`);
    expect(JSON.parse(await ctr.say("images", "--format", "json"))).toMatchObject({
      Repository: "busybox",
      Tag: "latest",
      ID: id,
    });
  });

  test("tag gives one more name, rmi takes it away, the image stays", async () => {
    await ctr.say("tag", "busybox", "example.org/tools/box:v1");
    expect(await ctr.say("images", "--format", "{{.Repository}}:{{.Tag}}")).toBe(
      "busybox:latest\nexample.org/tools/box:v1",
    );
    expect(await ctr.say("inspect", "-f", "{{json .RepoTags}}", "busybox")).toBe(
      '["busybox:latest","example.org/tools/box:v1"]',
    );
    expect(await ctr.say("run", "--rm", "--network", "none", "example.org/tools/box:v1", "echo", "same")).toBe("same");
    expect(await ctr.say("rmi", "example.org/tools/box:v1")).toMatch(/^Untagged: example.org\/tools\/box:v1$/);
    expect((await ctr.call(["tag", "no-such-image", "x"])).stderr).toMatch(/No such image: no-such-image/);
    expect((await ctr.call(["tag", "busybox", "Upper"])).status).toBe(1);
    expect((await ctr.call(["rmi", "no-such-image"])).stderr).toMatch(/^Error: .*No such image: no-such-image/);
  });

  test("rmi: refused while a container is made from it", async () => {
    const container = await ctr.say("create", "busybox", "true");
    const id = await ctr.say("images", "-q");
    expect(await ctr.call(["rmi", "busybox"])).toEqual({
      status: 1,
      stdout: "",
      stderr: `Error: conflict: unable to remove repository reference "busybox" (must force) - container ${container.slice(0, 12)} is using its referenced image ${id}\n`,
    });
    await ctr.say("rm", container);
  });

  test("rmi of the last name takes the image and its layers; from-host makes it again, byte for byte", async () => {
    const id = await ctr.say("images", "-q", "--no-trunc");
    const removed = await ctr.say("rmi", "busybox");
    expect(removed.split("\n")[0]).toMatch(/^Untagged: (docker.io\/library\/)?busybox:latest$/);
    expect(removed).toContain(`Deleted: ${id}`);
    expect(await ctr.say("images", "-q")).toBe("");
    expect(await ctr.say("image", "from-host", "--tag", "busybox", "busybox")).toBe(id);
    expect((await ctr.call(["image", "from-host", "--tag", "x", "no-such-program"])).stderr).toMatch(
      /^ctr: .*no-such-program/,
    );
    ctr.traces.begin();
  });

  test("info and version", async () => {
    expect(await ctr.say("info", "-f", "{{.Driver}} {{.DockerRootDir}} {{.Images}}")).toBe(`overlay2 ${ctr.root} 1`);
    expect(JSON.parse(await ctr.say("info", "-f", "json"))).toMatchObject({ OSType: "linux", Containers: 0 });
    expect(await ctr.say("info")).toMatch(/^ Server Version: .*\n( .*: .*\n?)+$/);
    expect(await ctr.say("version", "-f", "{{.Client.Version}} {{.Server.Os}}")).toMatch(/^\d+\.\d+\.\d+ linux$/);
    expect(await ctr.say("version")).toMatch(/^ctr \d/);
    expect((await ctr.call(["version", "-f", "{{.Nobody}}"])).stderr).toMatch(/^ctr: template: /);
  });

  const usage = [
    { args: ["frob"], stderr: /unknown command 'frob'/, status: 1, why: "no command" },
    { args: ["inspekt"], stderr: /Did you mean inspect\?/, status: 1, why: "nearly one" },
    { args: ["ps", "--no-such-flag"], stderr: /unknown option/, status: 125, why: "Docker's code for a flag" },
    { args: ["logs"], stderr: /missing required argument/, status: 1, why: "no container" },
  ] as const;
  for (const { args, stderr, status, why } of usage)
    test(`ctr ${args.join(" ")}: ${why}`, async () => {
      const done = await ctr.call(args);
      expect(done.stderr).toMatch(stderr);
      expect([done.status, done.stdout]).toEqual([status, ""]);
    });

  test("--help goes to standard output, with exit code 0", async () => {
    expect(await ctr.say("--help")).toMatch(/^Usage: ctr /);
    expect(await ctr.say("run", "--help")).toMatch(/^Usage: ctr run \[options\] IMAGE/);
  });
});
