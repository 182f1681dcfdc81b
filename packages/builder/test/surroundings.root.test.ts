import type { Digest } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { buildCacheUsage, from, type ImagePuller, pruneBuildCache } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { decisionsOf, Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

const two = "FROM busybox AS one\nRUN echo 1 > /1\nFROM busybox\nCOPY --from=one /1 /1\nRUN echo 2 > /2\n";

describe.skipIf(missing !== undefined)(`what surrounds a build${missing === undefined ? "" : ` (${missing})`}`, () => {
  test("--no-cache-filter: the steps of one stage run, and what they make is the same", async () => {
    const here = await site();
    await here.build(two);
    const { events } = await here.build(two, { noCacheStages: ["ONE"] });
    expect(decisionsOf(events)).toEqual(["2 ran: the cache is not to be used", "4 reused", "5 reused"]);
  });

  const options = [
    {
      o: { commandOptions: { "--add-host": "db:1.2.3.4" } },
      cause: "--add-host is new",
      why: "commands see /etc/hosts",
    },
    { o: { network: "none" as const }, cause: "--network is new", why: "commands see the network" },
    { o: { sourceDateEpoch: 5 }, cause: "SOURCE_DATE_EPOCH is new", why: "the layer has other times" },
  ];
  for (const { o, cause, why } of options)
    test(`${cause}: ${why}`, async () => {
      const here = await site();
      const dockerfile = "FROM busybox\nRUN echo 1 > /1\n";
      await here.build(dockerfile);
      expect(await here.decisions(dockerfile, o)).toEqual([`2 ran: ${cause}`]);
      expect(await here.decisions(dockerfile, o)).toEqual(["2 reused"]);
    });

  test("steps are counted as BuildKit counts them", async () => {
    const here = await site({ a: "a" });
    const { events } = await here.build("FROM busybox AS one\nENV A=1\nCOPY a /\nFROM one\nUSER node\nRUN true\n");
    const shown = events.flatMap((event) => (event.type === "stepStarted" ? [event.shown] : []));
    expect(shown.map(({ stage, number, total }) => `${stage} ${number}/${total}`)).toEqual([
      ...["one 1/2", "one undefined/2", "one 2/2"],
      ...["stage-1 undefined/1", "stage-1 undefined/1", "stage-1 1/1"],
    ]);
  });

  test("two machines, two umasks: one digest", async () => {
    const dockerfile = "FROM busybox\nWORKDIR /app\nCOPY a b\nRUN touch c && mkdir d\n";
    const build = async (umask: number) => {
      const here = await site({ a: "a" });
      const before = process.umask(umask);
      try {
        return [
          (await here.build(dockerfile, { reproducible: true })).manifest,
          (await here.build("FROM scratch\nCOPY a /b\n", { reproducible: true })).manifest,
        ];
      } finally {
        process.umask(before);
      }
    };
    // The worker of these tests is a chroot, whose commands have the umask of this process: those make no files.
    const first = await build(0o022);
    expect(await build(0o022)).toEqual(first);
    expect((await build(0o077))[1]).toBe(first[1]);
  });

  test("a recipe builds what its Dockerfile builds", async () => {
    const here = await site({ src: "source" });
    const dockerfile = [
      ...["FROM busybox AS build", "WORKDIR /app", "COPY src ./", "RUN cat src > out"],
      ...["FROM scratch", 'ENV A=1 B="x y"', "COPY --from=build /app/out /", 'CMD ["/out"]', ""],
    ].join("\n");
    const build = from("busybox", { as: "build" }).workdir("/app").copy("src", "./").run("cat src > out");
    const recipe = from("scratch").env({ A: "1", B: "x y" }).copy("/app/out", "/", { from: build }).cmd(["/out"]);
    const { store, worker, context } = here;
    const made = await recipe.commit({ store, worker, context, tags: ["made"] });
    expect(made.manifest).toBe((await here.build(dockerfile)).manifest);
    expect(here.files("made").text("out", 20)).toBe("source");
  });

  test("documents are there to be taken elsewhere, and no image is listed", async () => {
    const here = await site();
    const before = here.store.list().length;
    const { events } = await here.build(two, { keep: "documents", tags: ["app"] });
    const done = events.find((event) => event.type === "imageFinished")!;
    expect(here.store.list().length).toBe(before);
    expect(here.store.findBlob(done.target.digest)).toBeDefined();
    expect(done.names).toEqual([]);
  });

  test("a build that is not remembered leaves nothing to reuse", async () => {
    const here = await site();
    await here.build(two, { remember: false });
    expect(await buildCacheUsage({ store: here.store })).toEqual([]);
    expect((await here.decisions(two))[0]).toBe("2 ran: never ran before");
  });

  test("the cache tells what it keeps, and what was used last stays", async () => {
    const here = await site();
    await here.build("FROM busybox\nRUN echo old > /old\n");
    await here.build("FROM busybox\nRUN echo new > /new\n", { dockerfile: "Other" });
    const { store } = here;
    for (const { names, target } of store.list())
      if (names.length === 0) await store.remove({ image: target.digest, force: true });
    const entries = await buildCacheUsage({ store });
    expect(entries.map(({ description, isInUse }) => [description, isInUse])).toEqual([
      ["RUN echo new > /new", false],
      ["RUN echo old > /old", false],
    ]);
    const pruned = await pruneBuildCache({ store, keepBytes: entries[0]!.bytes });
    expect(pruned.entries.map(({ description }) => description)).toEqual(["RUN echo old > /old"]);
    expect(await here.decisions("FROM busybox\nRUN echo new > /new\n", { dockerfile: "Other" })).toEqual(["2 reused"]);
    expect(await here.decisions("FROM busybox\nRUN echo old > /old\n")).toEqual([
      "2 ran: the layer is not in the store any more",
    ]);
  });
});

describe.skipIf(missing !== undefined)(
  `images that are not here${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    const pulls = (here: Site): { readonly puller: ImagePuller; readonly asked: string[] } => {
      const asked: string[] = [];
      return {
        asked,
        puller: async ({ name, progress }) => {
          asked.push(name);
          if (name.includes("gone")) throw new Error("pull access denied");
          await here.addBase();
          here.store.tag({ image: "busybox", name });
          progress({ kind: "done", digest: `sha256:${"0".repeat(64)}` as Digest, fetchedBytes: 1 });
        },
      };
    };

    test("each is pulled once, and only when it is missing", async () => {
      const here = new Site();
      const { puller, asked } = pulls(here);
      const dockerfile =
        "FROM base AS a\nRUN true\nFROM base\nCOPY --from=base /etc/motd /\nCOPY --from=a /etc/group /\n";
      const { events } = await here.build(dockerfile, { puller });
      expect(asked).toEqual(["docker.io/library/base:latest"]);
      const kinds = events.map(({ type }) => type).filter((type) => type.startsWith("pull"));
      expect(kinds).toEqual(["pullStarted", "pullFinished"]);
      await here.build(dockerfile, { puller });
      expect(asked.length).toBe(1);
      await here.build(dockerfile, { puller, pullAlways: true });
      expect(asked.length).toBe(2);
    });

    test("one that cannot be pulled fails with its place; an id is never asked for", async () => {
      const here = await site();
      const { puller, asked } = pulls(here);
      expect((await here.fail("FROM gone\n", { puller })).error).toMatchObject({
        code: "ERR_BUILDER_IMAGE",
        message: "gone: failed to resolve source metadata for docker.io/library/gone:latest: pull access denied",
        line: 1,
        column: 6,
      });
      const id = `sha256:${"0".repeat(64)}`;
      expect((await here.fail(`FROM ${id}\n`, { puller })).error).toMatchObject({ code: "ERR_BUILDER_IMAGE" });
      expect(asked).toEqual(["docker.io/library/gone:latest"]);
    });

    test("a command for another machine is refused with what to do instead", async () => {
      const here = await site({ a: "a" });
      const platform = { os: "linux", architecture: "sparc64" };
      const { error } = await here.fail('FROM scratch\nCOPY a /a\nRUN ["/a"]\n', { platform });
      expect(error).toMatchObject({ code: "ERR_BUILDER_UNSUPPORTED", line: 3 });
      const says = /^RUN for linux\/sparc64 cannot be done on .*FROM --platform=\$BUILDPLATFORM/;
      expect((error as Error).message).toMatch(says);
    });
  },
);
