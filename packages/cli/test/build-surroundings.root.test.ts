// What `docker build` does around the steps: images that are pulled, limits, outputs, caches, displays.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program, type Result } from "./ctr.ts";

describe.skipIf(notRoot)("around a build (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-around-"));
  const ctr = new Ctr(join(directory, "state"));
  const context = join(directory, "context");
  let server: RegistryServer;
  let fresh = 0;
  /** Another machine. */
  const machine = (): Ctr => new Ctr(join(directory, `machine-${++fresh}`));
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    await ctr.say("tag", "busybox", `${server.host}/base:1`);
    await ctr.say("push", `${server.host}/base:1`);
    mkdirSync(context);
    writeFileSync(join(context, "a.txt"), "one\n");
  });
  afterAll(async () => {
    await server.close();
    await ctr.removeContainers();
    rmSync(directory, { recursive: true, force: true });
  });

  const buildOn = (on: Ctr, text: string, ...args: string[]): Promise<Result> => {
    writeFileSync(join(context, "Dockerfile"), text);
    return on.call(["build", "--network", "none", ...args, context]);
  };
  const build = (text: string, ...args: string[]): Promise<Result> => buildOn(ctr, text, ...args);
  const dockerfile = "FROM busybox\nWORKDIR /app\nCOPY a.txt ./\nRUN cat a.txt > b.txt\n";
  const remote = (): string => dockerfile.replace("busybox", `${server.host}/base:1`);

  test("a base that is not here is pulled, and shown", async () => {
    const there = machine();
    const { status, stderr } = await buildOn(there, remote(), "-t", "app");
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toMatch(
      new RegExp(`^#1 \\[internal\\] load metadata for ${server.host}/base:1\\n#1 sha256:.* done`),
    );
    expect((await buildOn(there, remote())).stderr).not.toContain("load metadata");
    expect((await buildOn(there, remote(), "--pull")).stderr).toMatch(/load metadata .*\n#1 CACHED/);
  });

  test("run pulls what is missing, always or never as --pull says", async () => {
    const there = machine();
    const name = `${server.host}/base:1`;
    const run = (...flags: string[]) => there.call(["run", "--rm", "--network", "none", ...flags, name, "echo", "hi"]);
    expect(await run("--pull", "never")).toMatchObject({
      status: 125,
      stdout: "",
      stderr: `ctr: No such image: ${name}\n`,
    });
    const first = await run();
    expect(first).toMatchObject({ status: 0, stdout: "hi\n" });
    expect(first.stderr).toMatch(new RegExp(`^Unable to find image '${name}' locally\\n1: Pulling from base\\n`));
    expect(await run()).toMatchObject({ status: 0, stderr: "" });
    expect((await run("--pull", "always")).stderr).toMatch(/Status: Image is up to date for /);
    expect(await run("--pull", "always", "-q")).toMatchObject({ status: 0, stderr: "" });
    expect(await run("--pull", "often")).toMatchObject({ status: 125, stderr: /invalid pull option: 'often'/ });
  });

  test("many names, metadata, labels", async () => {
    const file = join(directory, "metadata");
    await build(dockerfile, "-t", "one:1", "-t", "two:2", "--label", "by=me", "--metadata-file", file);
    const metadata = JSON.parse(readFileSync(file, "utf8"));
    expect(metadata["image.name"]).toBe("docker.io/library/one:1,docker.io/library/two:2");
    const [image] = JSON.parse(await ctr.say("image", "inspect", "two:2"));
    expect(metadata["containerimage.config.digest"]).toBe(image.Id);
    expect(metadata["containerimage.descriptor"].digest).toBe(metadata["containerimage.digest"]);
    expect(image.Config.Labels.by).toBe("me");
  });

  test("what holds for every RUN: hosts, /dev/shm, ulimits, memory", async () => {
    const text =
      "FROM busybox\nRUN grep db /etc/hosts; ulimit -n; df -k /dev/shm | tail -1; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2> /dev/null || true\n";
    const { stderr } = await build(
      text,
      ...["--add-host", "db:10.1.2.3", "--ulimit", "nofile=99:99", "--shm-size", "1m", "-m", "64m"],
    );
    expect(stderr).toMatch(/10\.1\.2\.3\s+db\n/);
    expect(stderr).toMatch(/ 99\n/);
    expect(stderr).toMatch(/ 1024 /);
    expect(stderr).toMatch(/ 67108864\n/);
  });

  test("--progress: rawjson is one object a line, quiet is nothing, tty needs a terminal", async () => {
    const raw = await build(dockerfile, "--no-cache", "--progress", "rawjson");
    const lines = raw.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const names = lines.flatMap(({ vertexes = [] }) => vertexes).map(({ name }) => name);
    expect(names).toContain("[4/4] RUN cat a.txt > b.txt");
    expect(lines.flatMap(({ vertexes = [] }) => vertexes).at(-1).completed).toBeDefined();
    expect(await build(dockerfile, "--progress", "quiet")).toMatchObject({ status: 0, stderr: "" });
    expect(await build(dockerfile, "--progress", "tty")).toMatchObject({ status: 1, stderr: /no terminal/ });
    expect(await build(dockerfile, "--progress", "loud")).toMatchObject({ status: 1, stderr: /invalid progress type/ });
  });

  test("--why: each step, its cause, and what would make it run less often", async () => {
    const text =
      "FROM busybox\nARG GIT_SHA=none\nWORKDIR /app\nCOPY a.txt ./\nRUN cat a.txt > b.txt\nRUN echo $GIT_SHA > sha\n";
    await build(text);
    writeFileSync(join(context, "a.txt"), "two\n");
    const { stdout } = await build(text, "--why", "--build-arg", "GIT_SHA=abc");
    expect(stdout).toBe(
      [
        "step 3 (line 3) reused",
        "step 4 (line 4) ran: a.txt changed",
        "step 5 (line 5) ran: ARG GIT_SHA entered at line 2 changed; step 4 ran",
        "step 6 (line 6) ran: ARG GIT_SHA entered at line 2 changed; step 5 ran",
        "line 2 below line 5: the next change of GIT_SHA reruns 1 step instead of 2",
        "",
      ].join("\n"),
    );
  });

  test("--output: files, archives, nothing", async () => {
    const out = join(directory, "out");
    const stored = await ctr.say("images", "-q");
    expect((await build(dockerfile, "-o", out)).status).toBe(0);
    expect(readFileSync(join(out, "app/b.txt"), "utf8")).toBe(readFileSync(join(context, "a.txt"), "utf8"));
    const archive = join(directory, "image.tar");
    await build(dockerfile, "-t", "elsewhere:1", "-o", `type=docker,dest=${archive}`);
    await build(dockerfile, "-t", "elsewhere:1", "-o", `type=oci,tar=false,dest=${join(directory, "layout")}`);
    expect(existsSync(join(directory, "layout/index.json"))).toBe(true);
    await build(dockerfile, "-o", "type=cacheonly");
    expect(await ctr.say("images", "-q")).toBe(stored);
    const there = machine();
    await there.say("load", "-i", archive);
    expect((await there.call(["run", "--rm", "--network", "none", "elsewhere:1", "cat", "b.txt"])).status).toBe(0);
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    const names = await execa("sh", [
      "-c",
      `"$@" 2> /dev/null | tar t`,
      "sh",
      process.execPath,
      "--",
      program,
      "--root",
      ctr.root,
      "build",
      "--network",
      "none",
      "-o",
      "-",
      context,
    ]);
    expect(names.stdout.split("\n")).toContain("app/b.txt");
    expect(await build(dockerfile, "-o", "type=what")).toMatchObject({ status: 1, stderr: /"what" is no type/ });
    expect(await build(dockerfile, "-o", "type=local")).toMatchObject({ status: 1, stderr: /dest is required/ });
  });

  test("--push and --output type=registry", async () => {
    const name = `${server.host}/pushed:1`;
    expect((await build(dockerfile, "-t", name, "--push")).status).toBe(0);
    const there = machine();
    await there.say("pull", "-q", name);
    expect((await build(dockerfile, "--push")).stderr).toMatch(/tag is needed when pushing/);
  });

  test("several platforms make an index; a command for another one is refused", async () => {
    const text = "FROM scratch\nARG TARGETARCH\nCOPY a.txt /$TARGETARCH\n";
    expect((await build(text, "-t", "multi", "--platform", "linux/amd64,linux/arm64")).status).toBe(0);
    const out = join(directory, "platforms");
    await build(text, "--platform", "linux/amd64,linux/arm64", "-o", out);
    expect(existsSync(join(out, "linux_arm64/arm64"))).toBe(true);
    expect(existsSync(join(out, "linux_amd64/amd64"))).toBe(true);
    const name = `${server.host}/multi:1`;
    await build(text, "-t", name, "--platform", "linux/amd64,linux/arm64", "--push");
    const both = join(directory, "both");
    const on = `FROM ${name}\nARG TARGETARCH\nCOPY a.txt /more-$TARGETARCH\n`;
    const pulled = await buildOn(machine(), on, "--platform", "linux/arm64,linux/amd64", "-o", both);
    expect({ status: pulled.status, stderr: pulled.stderr }).toMatchObject({ status: 0 });
    expect(pulled.stderr).toContain("[linux/arm64 2/2] COPY a.txt");
    for (const arch of ["amd64", "arm64"])
      expect(readdirSync(join(both, `linux_${arch}`)).toSorted()).toEqual([arch, `more-${arch}`]);
    const refused = await build('FROM scratch\nCOPY a.txt /a\nRUN ["/a"]\n', "--platform", "linux/sparc64");
    expect(refused).toMatchObject({ status: 1, stderr: /Dockerfile:3:1: RUN for linux\/sparc64 cannot be done on/ });
  });

  const caches = [
    {
      to: () => `type=local,dest=${join(directory, "cache")}`,
      from: () => `type=local,src=${join(directory, "cache")}`,
    },
    { to: () => `type=registry,ref=${server.host}/cache:1`, from: () => `type=registry,ref=${server.host}/cache:1` },
    { to: () => "type=inline", from: () => `${server.host}/inline:1` },
  ];
  for (const { to, from } of caches)
    test(`--cache-to ${to.toString().slice(6, 30)}…: another machine runs nothing and has the same image`, async () => {
      const pushed = to() === "type=inline" ? ["-t", `${server.host}/inline:1`, "--push"] : [];
      await build(remote(), "-q", "--cache-to", to(), ...pushed);
      const first = await build(remote(), "-q");
      const second = await buildOn(machine(), remote(), "-q", "--why", "--cache-from", from());
      expect(second.stdout).toBe(
        `${first.stdout}step 2 (line 2) reused\nstep 3 (line 3) reused\nstep 4 (line 4) reused\n`,
      );
    });

  test("--verify names file, kind and instruction of what differs, and fails", async () => {
    const { status, stdout } = await build("FROM busybox\nRUN date > /stamp && echo same > /same\n", "--verify");
    expect({ status, stdout }).toEqual({
      status: 1,
      stdout: "/stamp: content differs (step 2, line 2: RUN date > /stamp && echo same > /same)\n",
    });
    expect(await build(dockerfile, "--verify")).toMatchObject({ status: 0, stdout: "" });
  });

  test("--reproducible: two machines make one image", async () => {
    const digests = [];
    for (const on of [machine(), machine()]) digests.push((await buildOn(on, remote(), "-q", "--reproducible")).stdout);
    expect(digests[0]).toMatch(/^sha256:/);
    expect(digests[1]).toBe(digests[0]);
  });

  test("the cache stays under its bound, and the last build stays cached", async () => {
    const there = machine();
    const fill = (name: string) => `FROM ${server.host}/base:1\nRUN head -c 300000 /dev/zero > /${name}\n`;
    const own = ["-o", "type=cacheonly"];
    for (const name of ["a", "b", "c"]) await buildOn(there, fill(name), ...own);
    writeFileSync(join(there.root, "builder.json"), '{ "gc": { "maxUsedSpace": "700kb" } }');
    await buildOn(there, fill("d"), ...own);
    const rows = (await there.say("builder", "du", "--format", "json")).split("\n").map((line) => JSON.parse(line));
    expect(rows.reduce((sum, { SizeBytes }) => sum + SizeBytes, 0)).toBeLessThanOrEqual(700 * 1024);
    expect(rows[0].Description).toContain("> /d");
    expect((await buildOn(there, fill("d"), ...own, "--why")).stdout).toBe("step 2 (line 2) reused\n");
    const pruned = await there.call(["builder", "prune", "-f", "--filter", "until=24h"]);
    expect(pruned.stdout).toMatch(/^Total reclaimed space: /);
    expect((await there.call(["builder", "prune"])).stdout).toMatch(/^WARNING! .* \[y\/N\] $/);
    expect((await there.call(["builder", "prune", "-f"])).stdout).toMatch(
      /^Deleted build cache objects:\n[0-9a-f]{64}\n/,
    );
  });
});
