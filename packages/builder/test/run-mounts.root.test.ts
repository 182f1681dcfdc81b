import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CacheMountTable } from "../src/host/cache-mount-table.ts";
import { newHolder } from "../src/host/workspace.ts";
import { exportCacheMount, importCacheMount, listCacheMounts, removeCacheMounts } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

const shown = missing === undefined ? "" : ` (${missing})`;

describe.skipIf(missing !== undefined)(`RUN --mount${shown}`, () => {
  test("what is mounted is in the key: files of the context by content, without what is ignored", async () => {
    const here = await site({ "src/a": "1", "src/b": "1", ".dockerignore": "src/b\n", other: "1" });
    const dockerfile = "FROM busybox\nRUN --mount=source=src,target=/src ls /src > /list\n";
    expect(await here.decisions(dockerfile)).toEqual(["2 ran: never ran before"]);
    here.write({ "src/b": "2", other: "2" });
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    here.write({ "src/a": "2" });
    expect(await here.decisions(dockerfile, { tags: ["a"] })).toEqual(["2 ran: src/a changed"]);
    expect(here.files("a").text("list", 100)).toBe("a\n");
    here.write({ "src/c": "2" });
    expect(await here.decisions(dockerfile)).toEqual(["2 ran: src/c is new"]);
  });

  test("a stage that is mounted is built first, and known by its files", async () => {
    const here = await site({ version: "1", note: "1" });
    const dockerfile = `FROM busybox AS made
COPY version /
LABEL note=1
FROM busybox
RUN --mount=from=made,target=/made cat /made/version > /copy
`;
    await here.build(dockerfile, { tags: ["a"] });
    expect(here.files("a").text("copy", 10)).toBe("1");
    expect(await here.decisions(dockerfile.replace("note=1", "note=2"))).toEqual(["2 reused", "5 reused"]);
    here.write({ version: "2" });
    expect(await here.decisions(dockerfile)).toEqual(["2 ran: version changed", "5 ran: --mount from=made changed"]);
  });

  test("what is written into a mount that allows it is thrown away", async () => {
    const here = await site({ "src/a": "1" });
    const dockerfile = `FROM busybox
RUN --mount=source=src,target=/src,rw echo new > /src/new && rm /src/a
RUN --mount=from=busybox,target=/other,rw rm /other/etc/motd
RUN test -f /etc/motd && test ! -e /src/new
`;
    await here.build(dockerfile);
    expect(readdirSync(join(here.context, "src"))).toEqual(["a"]);
  });

  test("a context with a name is mounted as its files, and only what is mounted counts", async () => {
    const here = await site();
    const other = join(here.root, "other");
    mkdirSync(join(other, "sub"), { recursive: true });
    writeFileSync(join(other, "sub/x"), "1");
    const dockerfile = `FROM busybox
RUN --mount=from=other,source=sub,target=/s,rw cat /s/x > /x && echo > /s/new
RUN --mount=from=image,target=/i test -f /i/etc/motd
`;
    const contexts = { other, image: "docker-image://busybox" };
    await here.build(dockerfile, { contexts, tags: ["a"] });
    expect(here.files("a").text("x", 10)).toBe("1");
    expect(readdirSync(join(other, "sub"))).toEqual(["x"]);
    writeFileSync(join(other, "beside"), "");
    expect(await here.decisions(dockerfile, { contexts })).toEqual(["2 reused", "3 reused"]);
    writeFileSync(join(other, "sub/x"), "2");
    expect(await here.decisions(dockerfile, { contexts })).toEqual([
      "2 ran: --mount from=other sub/x changed",
      "3 ran: step 2 ran",
    ]);
  });

  test("a cache goes on from build to build, its content is in no key and no layer", async () => {
    const here = await site({ n: "1" });
    const dockerfile = `FROM busybox
COPY n /n
RUN --mount=type=cache,target=/c cat /n >> /c/all; cat /c/all > /seen
`;
    await here.build(dockerfile);
    here.write({ n: "2" });
    await here.build(dockerfile, { tags: ["a"] });
    expect(here.files("a").text("seen", 10)).toBe("12");
    expect(here.files("a").names("c")).toEqual([]);
    expect(await here.decisions(dockerfile)).toEqual(["2 reused", "3 reused"]);
    expect(await here.decisions(dockerfile.replace("target=/c", "target=/c,id=d"))).toEqual([
      "2 reused",
      "3 ran: instruction changed",
    ]);
  });

  test("a cache can begin with files of a stage, and have an owner", async () => {
    const here = await site();
    const dockerfile = `FROM busybox AS made
RUN mkdir /start && echo first > /start/a
FROM busybox
RUN --mount=type=cache,target=/c,from=made,source=start cat /c/a > /a && echo more >> /c/a
RUN --mount=type=cache,target=/c,from=made,source=start cat /c/a > /b
RUN --mount=type=cache,target=/d,mode=0750,uid=7,gid=8 true
`;
    await here.build(dockerfile, { tags: ["a"] });
    expect(here.files("a").text("b", 20)).toBe("first\nmore\n");
    const found = await listCacheMounts({ store: here.store });
    expect(found.map(({ id, uses, isInUse }) => [id, uses, isInUse])).toEqual([
      ["/c", 2, false],
      ["/d", 1, false],
    ]);
    expect(found[0]!.base).toMatch(/^from=sha256:[0-9a-f]{64},source=\/start$/);
    expect(found[1]!.base).toBe("mode=0750,uid=7,gid=8");
    expect(found[0]!.size).toBeGreaterThan(0);
  });

  test("caches are removed unless a command has them, and what a crash left is removed with them", async () => {
    const here = await site();
    await here.build("FROM busybox\nRUN --mount=type=cache,target=/c --mount=type=cache,target=/d echo > /c/x\n");
    using table = new CacheMountTable(here.store.root, undefined);
    const use = table.take({ id: "/d", base: "" }, "shared", newHolder())!;
    writeFileSync(join(table.root, "left"), "");
    const gone = await removeCacheMounts({ store: here.store });
    expect(gone.map(({ id }) => id)).toEqual(["/c"]);
    expect(readdirSync(table.root)).toEqual([use.name]);
    table.giveBack(use.use);
    await removeCacheMounts({ store: here.store, filter: ({ id }) => id === "other" });
    expect((await listCacheMounts({ store: here.store })).length).toBe(1);
  });

  test("a cache travels as an archive: a fresh store begins with it, one that has it keeps its own", async () => {
    const here = await site();
    const dockerfile = "FROM busybox\nRUN --mount=type=cache,id=x,target=/c mkdir -p /c/a && echo warm >> /c/a/f\n";
    await here.build(dockerfile);
    const archive = await Array.fromAsync(exportCacheMount({ store: here.store, id: "x" }));
    const there = await site();
    const give = async function* () {
      yield* archive;
    };
    expect(await importCacheMount({ store: there.store, id: "x", archive: give() })).toBe(true);
    expect(await importCacheMount({ store: there.store, id: "x", archive: give() })).toBe(false);
    await there.build(dockerfile);
    const [mount] = await listCacheMounts({ store: there.store });
    expect(readFileSync(join(there.store.root, "build-cache", mount!.name, "data/a/f"), "utf8")).toBe("warm\nwarm\n");
    await expect(Array.fromAsync(exportCacheMount({ store: there.store, id: "y" }))).rejects.toThrow(
      'there is no cache mount "y"',
    );
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1000).fill(7);
    }
    await expect(importCacheMount({ store: there.store, id: "y", archive: broken() })).rejects.toThrow();
    expect((await listCacheMounts({ store: there.store })).length).toBe(1);
  });

  test("a secret is in the environment alone, and no value of it is in the key", async () => {
    const here = await site();
    const dockerfile = `FROM busybox\nRUN --mount=type=secret,id=s,env=S echo \${#S} > /length\n`;
    const secrets = (text: string) => ({ secrets: { s: () => Buffer.from(text) } });
    await here.build(dockerfile, { tags: ["a"], ...secrets("four") });
    expect(here.files("a").text("length", 10)).toBe("4\n");
    expect(await here.decisions(dockerfile, secrets("another"))).toEqual(["2 reused"]);
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    const { config } = await here.store.read(here.store.resolve("a"));
    expect(JSON.stringify(config)).not.toContain("four");
  });

  const mistakes = [
    { run: "--mount=type=secret,id=s,required", says: "secret s: not found", why: "nobody gave it" },
    { run: "--mount=type=secret,id=__proto__,required", says: "secret __proto__: not found", why: "nor this one" },
    { run: "--mount=type=secret,id=big,required", says: "secret big too big. max size 500KB", why: "BuildKit's limit" },
    { run: "--mount=type=secret,id=nul,env=X", says: "has a NUL byte", why: "no variable can hold it" },
    { run: "--mount=type=ssh,required", says: 'no SSH key "default" forwarded', why: "nobody gave an agent" },
    { run: "--mount=source=nope,target=/x", says: '"/nope": not found', why: "no such file in the context" },
    { run: "--mount=source=../../etc,target=/x", says: '"/etc": not found', why: "the context is the root" },
    { run: "--mount=source=ignored,target=/x", says: '"/ignored": not found', why: "it is ignored" },
    { run: "--mount=source=out,target=/x", says: '"/out": not found', why: "a link leads nowhere outside" },
    {
      run: "--mount=from=busybox,source=/nope,target=/x",
      says: '"/nope": not found',
      why: "no such file in the image",
    },
    { run: "--mount=from=nope,target=/x", says: "nope", why: "no such image" },
    { run: "--mount=type=cache,source=/a,target=/x", says: "needs from=", why: "an empty cache has no directories" },
    { run: "--network=host", says: "network.host is not allowed", why: "nobody allowed it" },
    { run: "--security=insecure", says: "security.insecure is not allowed", why: "nobody allowed it" },
  ];
  for (const { run, says, why } of mistakes)
    test(`RUN ${run}: ${why}`, async () => {
      const here = await site({ ignored: "", ".dockerignore": "ignored\n" });
      symlinkSync("/root", join(here.context, "out"));
      const secrets = { big: () => new Uint8Array(600_000), nul: () => new Uint8Array(3) };
      const { error } = await here.fail(`FROM busybox\nRUN ${run} touch /ran\n`, { secrets });
      expect(error).toMatchObject({ name: "BuilderError", line: 2, message: expect.stringContaining(says) });
      expect(here.worker.requests).toEqual([]);
      expect(existsSync(join(here.store.root, "tmp")) && readdirSync(join(here.store.root, "tmp"))).toEqual([]);
    });
});
