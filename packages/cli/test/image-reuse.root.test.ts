import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";

const dockerfile = `FROM busybox
RUN printf '%030000d' 7 > /data && mkdir -p /var/cache/x && printf '%020000d' 8 > /var/cache/x/big
RUN chmod 600 /data && rm -rf /var/cache/x
COPY f /app/f
`;

describe.skipIf(notRoot)("ctr image reuse and ctr image diff (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-reuse-"));
  const ctr = new Ctr(join(directory, "state"));
  const context = join(directory, "context");
  beforeAll(async () => {
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    for (const [tag, text] of [
      ["app:1", "one"],
      ["app:2", "two, and longer"],
    ] as const) {
      writeFileSync(join(context, "f"), text);
      const { status } = await ctr.call(["build", "-q", "--network", "none", "-t", tag, context]);
      expect(status).toBe(0);
    }
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** Lines of columns, without the spaces between. */
  const cells = (text: string): string[][] => text.split("\n").map((line) => line.trim().split(/ {3,}/));

  test("all images: a table of images, of layers, and what sharing saves", async () => {
    const lines = cells(await ctr.say("image", "reuse"));
    expect(lines[0]).toEqual(["IMAGE", "LAYERS", "BLOBS", "SHARED", "UNIQUE", "ON DISK", "SHARED", "UNIQUE", "WASTED"]);
    expect(lines.slice(1, 4).map(([name, layers]) => [name, layers])).toEqual(
      expect.arrayContaining([
        ["app:2", "5"],
        ["app:1", "5"],
        ["busybox:latest", "2"],
      ]),
    );
    expect(lines).toContainEqual(["ALL IMAGES", "STORED", "WITHOUT SHARING", "SAVED"]);
  });

  test("layers are told by their command, wasted bytes by layer and path", async () => {
    const lines = cells(await ctr.say("image", "reuse", "app:2"));
    const layer = lines.find((line) => line.at(-1)?.startsWith("RUN chmod 600"));
    expect(layer?.[5]).toBe("50kB");
    const wasted = lines.filter((line) => ["/data", "/var/cache/x/big"].includes(line.at(-1)!));
    expect(wasted.map(([bytes, how, by, ...rest]) => [bytes, how, by, rest.at(-1)])).toEqual([
      ["30kB", "copied unchanged", layer![0], "/data"],
      ["20kB", "deleted", layer![0], "/var/cache/x/big"],
    ]);
    expect(lines.some((line) => line[0] === "build" && line[1] === "app:2")).toBe(true);
  });

  test("JSON has all of it", async () => {
    const report = JSON.parse(await ctr.say("image", "reuse", "--json", "app:1"));
    expect(report.images).toHaveLength(1);
    expect(report.images[0]).toMatchObject({ names: ["app:1"], waste: { copied: { files: 1, bytes: 30_000 } } });
    expect(report.transfers[0]).toMatchObject({ kind: "build", reference: "app:1" });
    expect(report).not.toHaveProperty("broken");
  });

  const kept = [
    { budget: "new-bytes=1MB,layers=5,reuse=50%,wasted=50kB", why: "all four rules" },
    { budget: "new-bytes=1MiB", why: "units of 1024" },
  ];
  for (const { budget, why } of kept)
    test(`a budget that is kept, ${why}: exit code 0`, async () => {
      const { status, stderr } = await ctr.call(["image", "reuse", "app:2", "--budget", budget]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    });

  const broken = [
    {
      budget: "new-bytes=10B",
      says: /^app:2: new-bytes [\d.]+k?B, budget 10B; layer [0-9a-f]{12} costs most, \d+B: COPY f \/app\/f\n$/,
    },
    { budget: "layers=4", says: /^app:2: layers 5, budget 4; layer [0-9a-f]{12} is number 5: COPY f \/app\/f\n$/ },
    { budget: "reuse=100%", says: /^app:2: reuse 9\d(\.\d)?%, budget 100%; layer [0-9a-f]{12} costs most, / },
    {
      budget: "wasted=49kB",
      says: /^app:2: wasted 50kB, budget 49kB; layer [0-9a-f]{12} costs most, 50kB: RUN chmod 600 /,
    },
  ];
  for (const { budget, says } of broken)
    test(`a budget that is broken, ${budget}: exit code 1, and a line that names the layer`, async () => {
      const { status, stderr } = await ctr.call(["image", "reuse", "app:2", "--budget", budget]);
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(says) });
    });

  test("--against counts what one image holds: a base shares nothing with the last layer", async () => {
    const shared = async (...flags: string[]): Promise<number> =>
      JSON.parse(await ctr.say("image", "reuse", "--json", "app:2", ...flags)).images[0].blobs.shared;
    expect(await shared("--against", "busybox")).toBeLessThan(await shared());
    expect(await shared("--against", "app:1")).toBe(await shared());
  });

  test("JSON of a broken budget names rule and layer", async () => {
    const { status, stdout } = await ctr.call(["image", "reuse", "--json", "--budget", "layers=1", "app:2"]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout).broken).toMatchObject([{ image: "app:2", rule: "layers", limit: 1, actual: 5, cost: 2 }]);
  });

  test("what is no budget and what is no image is refused in one line", async () => {
    for (const args of [["--budget", "bytes=1"], ["nonesuch"], ["--against", "nonesuch"]]) {
      const { status, stderr } = await ctr.call(["image", "reuse", ...args]);
      expect({ status, lines: stderr.trim().split("\n").length }).toEqual({ status: 1, lines: 1 });
    }
  });

  test("diff of two images: what changed, and how much", async () => {
    expect(await ctr.say("image", "diff", "app:1", "app:2")).toBe(
      [
        "    SIZE   PATH     CHANGE",
        "C    15B   /app/f   content +12B, time",
        "0 added, 1 changed, 0 deleted: 15B of new content, 3B gone",
      ].join("\n"),
    );
  });

  test("diff with NAME~1 shows what the layers above did", async () => {
    const lines = cells(await ctr.say("image", "diff", "app:1~2", "app:1~1"));
    expect(lines).toContainEqual(["C", "30kB", "/data", "mode 644 → 600, stored again unchanged"]);
    expect(lines).toContainEqual(["D", "20kB", "/var/cache/x/… (2 names)"]);
  });

  test("new directories are one line, with --all every name is", async () => {
    const condensed = cells(await ctr.say("image", "diff", "busybox", "app:1"));
    expect(condensed).toContainEqual(["A", "3B", "/app/… (2 names)"]);
    const all = await ctr.say("image", "diff", "--all", "busybox", "app:1");
    for (const path of ["/app", "/app/f", "/var/cache"]) expect(all).toContain(`   ${path}\n`);
  });

  test("diff as JSON", async () => {
    const { before, summary, changes } = JSON.parse(await ctr.say("image", "diff", "--json", "app:1", "app:2"));
    expect(before).toBe("app:1");
    expect(summary).toMatchObject({ added: 0, changed: 1, deleted: 0, addedBytes: 15, removedBytes: 3 });
    expect(changes).toMatchObject([{ kind: "changed", path: "/app/f", differs: ["content", "time"] }]);
  });

  test("a name that would play with the terminal is shown, not obeyed", async () => {
    writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN touch \"$(printf '/a\\033[2Jb\\nc')\"\n");
    expect((await ctr.call(["build", "-q", "--network", "none", "-t", "odd", context])).status).toBe(0);
    expect(await ctr.say("image", "diff", "busybox", "odd")).toContain("/a\\u001b[2Jb\\nc");
  });
});
