import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";
import { addTestImage, type TestImage } from "./test-image.ts";

const noTool = (name: string): boolean => spawnSync(name, ["--version"]).error !== undefined;
const lines = (text: string): string[] => (text === "" ? [] : text.split("\n"));
const names = ["images", "--format", "{{.Repository}}:{{.Tag}}"] as const;

describe.skipIf(notRoot)("ctr images, history, image … (needs root)", () => {
  const ctr = new Ctr(mkdtempSync(join(tmpdir(), "ctr-images-")));
  let old: TestImage;
  let recent: TestImage;
  let dangling: TestImage;
  beforeAll(async () => {
    const history = [
      { created: "2020-01-01T00:00:00Z", created_by: "ADD file:1234567890 in / # a text of more than 45 characters" },
      { created: "2020-01-02T00:00:00Z", created_by: 'CMD ["sh"]', empty_layer: true, comment: "buildkit" },
    ];
    old = await addTestImage(ctr.root, {
      names: ["old:1", "old:2"],
      created: "2020-01-02T00:00:00Z",
      labels: { stage: "one" },
      history,
    });
    recent = await addTestImage(ctr.root, {
      names: ["localhost:5000/team/recent:1"],
      created: "2024-06-01T12:00:00.5Z",
      labels: { stage: "two", other: "" },
    });
    dangling = await addTestImage(ctr.root, { names: [], created: "2023-01-01T00:00:00Z" });
  });
  afterAll(async () => {
    await ctr.removeContainers();
    rmSync(ctr.root, { recursive: true, force: true });
  });

  test("newest first by the time in the config, which CREATED tells too", async () => {
    expect(lines(await ctr.say(...names))).toEqual(["localhost:5000/team/recent:1", "<none>:<none>", "old:1", "old:2"]);
    expect(await ctr.say("images", "--format", "{{.CreatedAt}}", "old:1")).toMatch(
      /^2020-01-0[123] \d\d:\d\d:\d\d [+-]\d{4} /,
    );
    expect(await ctr.say("images", "old:1")).toMatch(/^REPOSITORY {3}TAG {3,}IMAGE ID .*\nold .* [5-9] years ago /);
  });

  const filters: readonly {
    readonly filter: readonly string[];
    readonly is: readonly string[];
    readonly why: string;
  }[] = [
    { filter: ["dangling=true"], is: ["<none>:<none>"], why: "no tag" },
    { filter: ["dangling=false"], is: ["recent", "old:1", "old:2"], why: "a tag" },
    { filter: ["label=stage"], is: ["recent", "old:1", "old:2"], why: "any value" },
    { filter: ["label=stage=one"], is: ["old:1", "old:2"], why: "this value" },
    { filter: ["label=stage", "label=other"], is: ["recent"], why: "both" },
    { filter: ["label=stage=three"], is: [], why: "no image" },
    { filter: ["before=localhost:5000/team/recent:1"], is: ["<none>:<none>", "old:1", "old:2"], why: "older than it" },
    { filter: ["since=old:1"], is: ["recent", "<none>:<none>"], why: "newer than it" },
    { filter: ["since=old:1", "dangling=false"], is: ["recent"], why: "every filter holds" },
    { filter: ["until=2021-01-01"], is: ["old:1", "old:2"], why: "a date" },
    { filter: ["until=24h"], is: ["recent", "<none>:<none>", "old:1", "old:2"], why: "a time ago" },
    { filter: ["until=1600000000"], is: ["old:1", "old:2"], why: "seconds since 1970" },
    { filter: ["reference=ol?"], is: ["old:1", "old:2"], why: "a pattern for the name" },
    { filter: ["reference=*:2"], is: ["old:2"], why: "and for the tag" },
    { filter: ["reference=*/team/*"], is: ["recent"], why: "a star does not pass a slash" },
    { filter: ["reference=*recent*"], is: [], why: "a star does not pass a slash" },
    { filter: ["reference=old:[12]", "reference=x"], is: ["old:1", "old:2"], why: "one of them is enough" },
  ];
  for (const { filter, is, why } of filters)
    test(`images --filter ${filter.join(" --filter ")}: ${why}`, async () => {
      const shown = await ctr.say(...names, ...filter.flatMap((one) => ["--filter", one]));
      expect(lines(shown).map((name) => name.replace("localhost:5000/team/recent:1", "recent"))).toEqual(is);
    });

  const wrong = [
    { args: ["-f", "foo"], status: 125, says: /bad format of filter \(expected name=value\)/ },
    { args: ["-f", "foo=1"], status: 1, says: /invalid filter 'foo'/ },
    { args: ["-f", "dangling=maybe"], status: 1, says: /invalid filter 'dangling=maybe'/ },
    { args: ["-f", "reference=[a"], status: 1, says: /syntax error in pattern/ },
    { args: ["-f", "until=yesterday"], status: 1, says: /is no time/ },
    { args: ["-f", "before=nonesuch"], status: 1, says: /No such image: nonesuch/ },
  ];
  for (const { args, status, says } of wrong)
    test(`images ${args.join(" ")} is refused`, async () => {
      expect(await ctr.call(["images", ...args])).toEqual({ status, stdout: "", stderr: expect.stringMatching(says) });
    });

  test("images NAME: a repository, a tag of it, the name in full, a pattern", async () => {
    for (const name of ["old", "docker.io/library/old", "o*"])
      expect(lines(await ctr.say(...names, name))).toEqual(["old:1", "old:2"]);
    expect(await ctr.say(...names, "old:2")).toBe("old:2");
    expect(await ctr.say(...names, "nonesuch")).toBe("");
    expect(lines(await ctr.say("image", "ls", "-q", "old"))).toEqual([old.id.slice(7, 19)]);
    expect(await ctr.say("image", "list", "-q", "--no-trunc", "old")).toBe(old.id);
  });

  test("images --format json has Docker's fields", async () => {
    await ctr.say("create", "--name", "one", "old:1", "true");
    const row = JSON.parse(await ctr.say("images", "--format", "json", "old:1"));
    expect(row).toMatchObject({
      Repository: "old",
      Tag: "1",
      Digest: "<none>",
      ID: old.id.slice(7, 19),
      Containers: "1",
    });
    expect(row.SharedSize).toBe("0B");
    expect(row.UniqueSize).toMatch(/^[\d.]+[kM]?B$/);
    expect(await ctr.say("images", "--format", "table {{.Tag}}\\t{{.Containers}}", "old")).toBe(
      "TAG   CONTAINERS\n1     1\n2     1",
    );
    await ctr.say("rm", "one");
  });

  test("history: newest first, the layers' sizes, Docker's columns", async () => {
    const [heading, cmd, add, ...more] = (await ctr.say("history", "old:1")).split("\n");
    expect(heading).toMatch(/^IMAGE {3,}CREATED {3,}CREATED BY {3,}SIZE {3,}COMMENT$/);
    expect(cmd).toMatch(new RegExp(`^${old.id.slice(7, 19)} {3}\\d+ years ago {3}CMD \\["sh"\\] +0B +buildkit$`));
    expect(add).toMatch(/^<missing> +\d+ years ago {3}ADD file:1234567890 in \/ # a text of more th… {3}[\d.]+kB$/);
    expect(more).toEqual([]);
    expect(await ctr.say("image", "history", "-q", "--no-trunc", "old:1")).toBe(`${old.id}\n<missing>`);
    const whole = await ctr.say(
      "history",
      "--human=false",
      "--no-trunc",
      "--format",
      "{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}",
      "old:1",
    );
    expect(whole).toMatch(
      /^2020-01-02T00:00:00Z\|CMD \["sh"\]\|0\n2020-01-01T00:00:00Z\|ADD .* 45 characters\|\d{4,}$/,
    );
    expect(lines(await ctr.say("history", "-H", "localhost:5000/team/recent:1"))).toHaveLength(2); // nothing is told of its layer
    expect((await ctr.call(["history", "nonesuch"])).stderr).toBe("ctr: No such image: nonesuch\n");
    expect((await ctr.call(["history"])).status).toBe(1);
  });

  test("image tag, image rm", async () => {
    await ctr.say("image", "tag", "old:1", "old:3");
    expect(await ctr.say("image", "rm", "old:3")).toBe("Untagged: old:3");
  });

  test("image prune: asks, spares what a container was made from, says what it did", async () => {
    const no = await ctr.call(["image", "prune"], { input: "n\n" });
    expect(no).toEqual({
      status: 0,
      stdout: "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ",
      stderr: "",
    });
    await ctr.say("create", "--name", "holds", dangling.id, "true");
    expect(await ctr.say("image", "prune", "-f")).toBe("Total reclaimed space: 0B");
    await ctr.say("rm", "holds");
    expect(await ctr.say("image", "prune", "-f", "--filter", "until=2022-01-01")).toBe("Total reclaimed space: 0B");
    const yes = await ctr.call(["image", "prune"], { input: "y\n" });
    expect(yes.stdout).toMatch(
      new RegExp(
        `\\[y/N\\] Deleted Images:\ndeleted: ${dangling.id}\ndeleted: sha256:.*\n\nTotal reclaimed space: [\\d.]+kB\n$`,
      ),
    );
    const two = await ctr.say("image", "prune", "-a", "-f", "--filter", "label!=stage=one");
    expect(two).toMatch(
      new RegExp(`^Deleted Images:\nuntagged: localhost:5000/team/recent:1\ndeleted: ${recent.id}\n`),
    );
    expect(lines(await ctr.say(...names))).toEqual(["old:1", "old:2"]);
    expect((await ctr.call(["image", "prune", "-f", "--filter", "reference=x"])).stderr).toMatch(
      /invalid filter 'reference'/,
    );
  });
});

describe.skipIf(notRoot)("an index of two platforms stays whole (needs root)", () => {
  const ctr = new Ctr(mkdtempSync(join(tmpdir(), "ctr-images-")));
  afterAll(() => rmSync(ctr.root, { recursive: true, force: true }));

  test("one line in the list; tagged, looked into and removed as one", async () => {
    await addTestImage(ctr.root, { names: ["both"], platforms: ["amd64", "arm64"] });
    expect(await ctr.say(...names)).toBe("both:latest");
    await ctr.say("tag", "both", "again");
    expect(lines(await ctr.say(...names)).sort()).toEqual(["again:latest", "both:latest"]);
    const index = JSON.parse(readFileSync(join(ctr.root, "images/index.json"), "utf8"));
    expect(new Set(index.manifests.map((it: { digest: string }) => it.digest)).size).toBe(1);
    expect(await ctr.say("rmi", "both")).toBe("Untagged: both:latest");
    expect(await ctr.say("system", "check")).toMatch(/1 images: nothing is wrong$/);
    expect((await ctr.say("rmi", "again")).match(/^Deleted: /gm)?.length).toBeGreaterThanOrEqual(2);
    expect(await ctr.say("system", "df", "--format", "{{.Type}} {{.SizeBytes}}")).toMatch(/^Images 0\n/);
  });
});

describe.skipIf(notRoot)("RepoDigests (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-images-"));
  const here = new Ctr(join(directory, "here"));
  const there = new Ctr(join(directory, "there"));
  let server: RegistryServer;
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test("an image has them once it came from a registry or went there, and can be named by them", async () => {
    const name = `${server.host}/team/app:1`;
    const { target } = await addTestImage(here.root, { names: [name] });
    const digests = ["inspect", "-f", "{{json .RepoDigests}}"];
    expect(await here.say(...digests, name)).toBe("[]");
    expect((await here.call(["push", name])).status).toBe(0);
    const byDigest = `${server.host}/team/app@${target}`;
    expect(await here.say(...digests, name)).toBe(JSON.stringify([byDigest]));
    expect((await there.call(["pull", name])).status).toBe(0);
    expect(await there.say(...digests, byDigest)).toBe(JSON.stringify([byDigest]));
    expect((await there.say("images", "--digests")).split("\n")[1]).toMatch(new RegExp(`/team/app +1 +${target} `));
    await there.say("rmi", name);
    expect(await there.say("images", "-q")).toBe("");
  });
});

describe.skipIf(notRoot)("other tools open the store (needs root)", () => {
  const ctr = new Ctr(mkdtempSync(join(tmpdir(), "ctr-images-")));
  let image: TestImage;
  beforeAll(async () => {
    image = await addTestImage(ctr.root, { names: ["tool:1"], labels: { a: "b" } });
  });
  afterAll(() => rmSync(ctr.root, { recursive: true, force: true }));

  test.skipIf(noTool("skopeo"))("skopeo inspect (skopeo is installed)", async () => {
    const { stdout } = await execa("skopeo", ["inspect", `oci:${ctr.root}/images:docker.io/library/tool:1`]);
    expect(JSON.parse(stdout)).toMatchObject({ Digest: image.target, Labels: { a: "b" }, Architecture: "amd64" });
    await ctr.say("tag", "tool:1", "ghcr.io/a/b:2");
    await ctr.say("rmi", "tool:1");
    const renamed = await execa("skopeo", ["inspect", "--raw", `oci:${ctr.root}/images:ghcr.io/a/b:2`]);
    expect(`sha256:${createHash("sha256").update(renamed.stdout).digest("hex")}`).toBe(image.target);
    await ctr.say("tag", "ghcr.io/a/b:2", "tool:1");
  });

  test.skipIf(noTool("umoci"))("umoci ls, umoci stat (umoci is installed)", async () => {
    using engine = openEngine({ root: ctr.root });
    const inStore = (await engine.images.list()).flatMap(({ repoTags }) => repoTags);
    const { stdout } = await execa("umoci", ["ls", "--layout", `${ctr.root}/images`]);
    expect(stdout.split("\n").sort()).toEqual([...inStore].sort());
  });
});
