import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "@ctr/engine";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { execa, execaSync } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, temporaryCtr } from "./ctr.ts";
import { addTestImage, type TestImage } from "./test-image.ts";

/** Bytes of `images`, `overlay2` and `containers`, as du(1) says. */
async function du(root: string, names: readonly string[] = ["images", "overlay2", "containers"]): Promise<number> {
  const paths = names.map((name) => join(root, name));
  const { stdout } = await execa("du", ["-sxc", "--block-size=1", ...paths]);
  return Number(/^(\d+)\ttotal$/m.exec(stdout)![1]);
}

interface Total {
  readonly Type: string;
  readonly TotalCount: string;
  readonly Active: string;
  readonly SizeBytes: number;
  readonly ReclaimableBytes: number;
}

async function df(ctr: Ctr): Promise<readonly Total[]> {
  return (await ctr.say("system", "df", "--format", "json")).split("\n").map((line) => JSON.parse(line) as Total);
}

const sum = (totals: readonly Total[]): number => totals.reduce((all, { SizeBytes }) => all + SizeBytes, 0);

describe.skipIf(notRoot)("ctr system df, system prune (needs root)", () => {
  const ctr = temporaryCtr();
  const context = mkdtempSync(join(tmpdir(), "ctr-context-"));
  afterEach(() => ctr.removeContainers());
  afterAll(() => rmSync(context, { recursive: true, force: true }));

  test("the sums are what du says: images, containers that run and that do not, a build, a shared layer", async () => {
    expect(sum(await df(ctr))).toBe(await du(ctr.root));
    await addTestImage(ctr.root, { names: ["one"], layers: [{ base: "base" }, { one: "1".repeat(50_000) }] });
    await addTestImage(ctr.root, { names: ["two"], layers: [{ base: "base" }, { two: "2".repeat(50_000) }] });
    writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN echo built > /built\nRUN rm /built\n");
    await ctr.call(["build", "--network", "none", "-t", "built", context]);
    await ctr.background(
      ["--name", "up"],
      "dd if=/dev/zero of=/zeros bs=1000 count=1000 2>/dev/null; echo ready; exec sleep 1000",
    );
    await ctr.wrote("up", "ready");
    await ctr.say("create", "--name", "made", "one", "true");
    const totals = await df(ctr);
    expect(sum(totals)).toBe(await du(ctr.root));
    expect(totals.map(({ Type, TotalCount, Active }) => [Type, TotalCount, Active])).toEqual([
      ["Images", "4", "2"],
      ["Containers", "2", "1"],
      ["Build Cache", "2", "0"],
      ["Other", "0", "0"],
    ]);
    expect(totals[1]!.SizeBytes).toBeGreaterThan(1_000_000);
    expect(totals[1]!.ReclaimableBytes).toBeLessThan(totals[1]!.SizeBytes - 1_000_000);

    const each = JSON.parse(await ctr.say("system", "df", "-v", "--format", "json"));
    const of = (name: string) => each.Images.find((it: { Repository: string }) => it.Repository === name);
    expect(of("one").SharedBytes).toBe(of("two").SharedBytes);
    expect(of("one").SharedBytes).toBeGreaterThan(0);
    expect(of("one").SharedBytes + of("one").UniqueBytes).toBe(of("one").SizeBytes);
    expect(each.Containers.map((it: { Names: string }) => it.Names).sort()).toEqual(["made", "up"]);
    const shown = await ctr.say("system", "df", "-v");
    for (const heading of ["Images space usage:", "Containers space usage:", "Build cache usage: "])
      expect(shown).toContain(heading);
    expect((await ctr.say("system", "df")).split("\n")[0]).toBe("TYPE          TOTAL   ACTIVE   SIZE     RECLAIMABLE");

    // What an image has alone is what its removal gives back, with what nothing had needed before.
    const stored = ["images/blobs", "overlay2"]; // index.json becomes shorter too
    const before = await du(ctr.root, stored);
    await ctr.say("rmi", "two");
    expect(before - (await du(ctr.root, stored))).toBe(of("two").UniqueBytes + totals[3]!.ReclaimableBytes);
  });

  test("what can be reclaimed is what prune reclaims", async () => {
    await ctr.start("--name", "up");
    await ctr.wrote("up", "ready");
    await ctr.say("create", "--name", "made", "one", "true");
    const no = await ctr.call(["system", "prune"], { input: "\n" });
    expect(no.stdout).toBe(
      [
        "WARNING! This will remove:",
        "  - all stopped containers",
        "  - all dangling images",
        "  - unused build cache",
        "",
        "Are you sure you want to continue? [y/N] ",
      ].join("\n"),
    );
    const before = await du(ctr.root);
    const some = await ctr.say("system", "prune", "-f", "--filter", "label=nobody");
    expect(some).toBe("Total reclaimed space: 0B");
    const pruned = await ctr.say("system", "prune", "-a", "-f");
    expect(pruned).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Images:\n/);
    expect(pruned).toContain("untagged: one:latest\n");
    expect(pruned).not.toContain("busybox");
    expect(await ctr.say("images", "--format", "{{.Repository}}")).toBe("busybox");
    expect(await ctr.say("ps", "-a", "--format", "{{.Names}}")).toBe("up");
    const totals = await df(ctr);
    expect(sum(totals)).toBe(await du(ctr.root));
    expect(before - sum(totals)).toBeGreaterThan(100_000);
    expect(totals[2]).toMatchObject({ TotalCount: "0", SizeBytes: 0 });
    expect(await ctr.say("system", "check")).toMatch(/nothing is wrong$/);
  });
});

describe.skipIf(notRoot)("ctr system check (needs root)", () => {
  const ctr = temporaryCtr();
  let image: TestImage;
  beforeAll(async () => {
    image = await addTestImage(ctr.root, {
      names: ["app"],
      layers: [{ "etc/a": "a\n", "etc/b": "b\n" }, { "etc/c": "c\n".repeat(1000) }],
    });
  });
  afterEach(async () => {
    await ctr.removeContainers();
    ctr.traces.begin(); // layers have other directories now
  });

  /** Where a file of an unpacked layer lies. */
  function inLayers(name: string): string {
    const overlay = join(ctr.root, "overlay2");
    const found = readdirSync(overlay).map((id) => join(overlay, id, "diff", name));
    return found.find((path) => statSync(path, { throwIfNoEntry: false }) !== undefined)!;
  }

  test("a sound store: one line and 0", async () => {
    expect(await ctr.say("system", "check")).toMatch(/^\d+ blobs, \d+ layers, 2 images: nothing is wrong$/);
    expect(await ctr.say("system", "check", "--quick")).toMatch(/nothing is wrong$/);
  });

  const changes: readonly { readonly change: string; readonly by: (path: string) => void; readonly says: RegExp }[] = [
    { change: "its content", by: (path) => writeFileSync(path, "A\n"), says: /"etc\/a" has another size or content/ },
    { change: "its mode", by: (path) => execaSync("chmod", ["4755", path]), says: /"etc\/a" has mode 4755, not 644/ },
    { change: "its owner", by: (path) => execaSync("chown", ["1:2", path]), says: /"etc\/a" belongs to 1:2, not 0:0/ },
    {
      change: "its time",
      by: (path) => execaSync("touch", ["-d", "2001-01-01", path]),
      says: /"etc\/a" has another time/,
    },
    { change: "its absence", by: (path) => rmSync(path), says: /"etc\/a" is missing/ },
    { change: "a file beside it", by: (path) => writeFileSync(`${path}2`, ""), says: /"etc\/a2" was added/ },
    {
      change: "a link in its place",
      by: (path) => {
        rmSync(path);
        execaSync("ln", ["-s", "/etc/shadow", path]);
      },
      says: /"etc\/a" is a symlink to \/etc\/shadow, not a file/,
    },
  ];
  for (const { change, by, says } of changes)
    test(`a file of a layer, changed in ${change}: found, and unpacked again`, async () => {
      by(inLayers("etc/b").replace(/b$/, "a"));
      const found = await ctr.call(["system", "check"]);
      expect(found).toMatchObject({ status: 1, stdout: expect.stringMatching(says) });
      const repaired = await ctr.call(["system", "check", "--repair"]);
      expect(repaired).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/\(unpacked again\)\n.*: 1 repaired\n$/),
      });
      expect(await ctr.say("system", "check")).toMatch(/nothing is wrong$/);
      expect(readFileSync(inLayers("etc/a"), "utf8")).toBe("a\n");
    });

  test("a layer below a running container is left alone until it stops", async () => {
    await ctr.start("--name", "up");
    await ctr.wrote("up", "ready");
    writeFileSync(join(inLayers("bin"), "added"), "");
    const busy = await ctr.call(["system", "check", "--repair"]);
    expect(busy).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/"bin\/added" was added; .*stop that first/),
    });
    await ctr.say("stop", "up");
    expect((await ctr.call(["system", "check", "--repair"])).status).toBe(0);
    await ctr.say("start", "up");
    expect(await ctr.say("exec", "up", "ls", "/bin/sh")).toBe("/bin/sh");
  });

  test("containers: a directory without a record goes, a record without a directory is told of", async () => {
    const id = await ctr.say("create", "--name", "made", "app", "true");
    mkdirSync(join(ctr.root, "containers", "e".repeat(64)));
    rmSync(join(ctr.root, "overlay2", id, "diff"), { recursive: true });
    const { status, stdout } = await ctr.call(["system", "check", "--repair"]);
    expect({ status, lines: stdout.trim().split("\n").slice(0, 2) }).toEqual({
      status: 1,
      lines: [
        `container ${id}: its writable layer is missing; remove it`,
        `file containers/${"e".repeat(64)}: the container has no record (removed)`,
      ],
    });
    await ctr.say("rm", "made");
    expect(await ctr.say("system", "check")).toMatch(/nothing is wrong$/);
  });

  test("a flipped byte in a blob that was packed here: made again; in a document: pull it again", async () => {
    const { digest } = image.layers[0]!;
    const path = (hex: string): string => join(ctr.root, "images/blobs/sha256", hex.slice("sha256:".length));
    const bytes = readFileSync(path(digest));
    bytes[20]! ^= 1;
    writeFileSync(path(digest), bytes);
    expect((await ctr.call(["system", "check"])).stdout).toMatch(
      new RegExp(`^blob ${digest}: its bytes have digest sha256:`),
    );
    expect((await ctr.call(["system", "check", "--repair"])).stdout).toMatch(/made again from its layer/);
    const config = readFileSync(path(image.id));
    writeFileSync(path(image.id), Buffer.from(config).fill(32, 0, 1));
    const lost = await ctr.call(["system", "check", "--repair"]);
    expect(lost).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^image .*app:latest: it is incomplete: .*pull it again/m),
    });
    expect((await ctr.call(["create", "app"])).stderr).toMatch(/no blob .*pull the image/);
    expect((await ctr.call(["images"])).stdout).toMatch(/^app /m);
    expect((await ctr.call(["rmi", "app"])).status).toBe(0);
    expect(await ctr.say("system", "check")).toMatch(/nothing is wrong$/);
  });
});

describe.skipIf(notRoot)("ctr system blobs (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-blobs-"));
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

  const bytesOf = async (ctr: Ctr): Promise<number> => {
    const { stdout } = await execa("du", ["-s", "--block-size=1", join(ctr.root, "images")]);
    return Number.parseInt(stdout, 10);
  };

  test("dropped where they were made here, and pushed as the very same bytes", async () => {
    const name = `${server.host}/team/app:1`;
    const text = Array.from({ length: 20_000 }, (_, n) => `${n * 7919}`).join(" ");
    const image = await addTestImage(here.root, { names: [name], layers: [{ "etc/text": text }] });
    expect(await here.say("system", "blobs")).toBe("keep");
    const full = await bytesOf(here);
    expect(await here.say("system", "blobs", "drop")).toMatch(/^1 blob dropped\nTotal reclaimed space: [\d.]+kB$/);
    expect(await here.say("system", "blobs")).toBe("drop");
    expect(await bytesOf(here)).toBeLessThan(full - 40_000);
    expect(await here.say("system", "check")).toMatch(/nothing is wrong$/);
    expect((await here.call(["push", name])).status).toBe(0);

    expect((await there.call(["pull", name])).status).toBe(0);
    using engine = openEngine({ root: there.root });
    expect(engine.images.resolve(name).image.target.digest).toBe(image.target);

    // The next command tidies up what the push made again.
    await here.call(["run", "--rm", "--network", "none", name, "true"]);
    expect(await bytesOf(here)).toBeLessThan(full - 40_000);
    expect(await here.say("system", "blobs", "keep")).toBe("1 blob made again");
    expect(await bytesOf(here)).toBe(full);
    expect((await here.call(["system", "blobs", "maybe"])).status).toBe(1);
  });
});
