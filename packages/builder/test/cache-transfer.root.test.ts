import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type BuildResult, localCacheSource, localCacheTarget } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { decisionsOf, Site } from "./site.ts";

const app = `FROM busybox AS build
COPY src src
RUN cat src/a.js > /built && rm -f /etc/motd
RUN true
FROM busybox
COPY --from=build /built /built
RUN echo done > /done
`;

async function site(): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write({ "src/a.js": "a" });
  return made;
}

/** A cache that another machine exported. */
async function exported(): Promise<{ readonly directory: string; readonly first: BuildResult; readonly here: Site }> {
  const here = await site();
  const directory = join(here.root, "cache");
  const first = await here.build(app, { cacheTo: [localCacheTarget(directory, { mode: "max" })] });
  return { directory, first, here };
}

const warnings = ({ events }: BuildResult): string[] =>
  events.flatMap((event) => (event.type === "warning" ? [event.message] : []));

describe.skipIf(missing !== undefined)(
  `a cache of another machine${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    test("a fresh machine runs nothing, and makes the same image", async () => {
      const { directory, first } = await exported();
      const there = await site();
      const second = await there.build(app, { cacheFrom: [localCacheSource(directory)], tags: ["app"] });
      expect(decisionsOf(second.events)).toEqual(["2 reused", "3 reused", "4 reused", "6 reused", "7 reused"]);
      expect(second).toMatchObject({ id: first.id, manifest: first.manifest });
      expect(there.worker.requests).toEqual([]);
      expect(there.files("app").text("built", 10)).toBe("a");
      expect(await there.decisions(app)).toEqual(["2 reused", "3 reused", "4 reused", "6 reused", "7 reused"]);
    });

    test("what differs from the other machine is the cause", async () => {
      const { directory } = await exported();
      const there = await site();
      there.write({ "src/a.js": "A" });
      const { events } = await there.build(app, { cacheFrom: [localCacheSource(directory)] });
      expect(decisionsOf(events).slice(0, 2)).toEqual(["2 ran: src/a.js changed", "3 ran: step 2 ran"]);
    });

    test("mode=min has the steps of the image alone", async () => {
      const here = await site();
      const directory = join(here.root, "cache");
      await here.build(app, { cacheTo: [localCacheTarget(directory, { mode: "min" })] });
      const there = await site();
      const { events } = await there.build(app, { cacheFrom: [localCacheSource(directory)] });
      expect(decisionsOf(events).map((line) => line.split(":")[0])).toEqual([
        "2 ran",
        "3 ran",
        "4 ran",
        "6 reused",
        "7 reused",
      ]);
    });

    test("five builds do not make the directory grow", async () => {
      const { directory, here } = await exported();
      const blobs = join(directory, "blobs/sha256");
      const count = readdirSync(blobs).length;
      for (const content of ["b", "c", "d", "e"]) {
        here.write({ "src/a.js": content });
        await here.build(app, { cacheTo: [localCacheTarget(directory, { mode: "max" })] });
      }
      expect(readdirSync(blobs).length).toBe(count);
    });

    test("a layer that is not what the cache says is a warning, and the step runs", async () => {
      const { directory } = await exported();
      const blobs = join(directory, "blobs/sha256");
      for (const name of readdirSync(blobs)) {
        const bytes = readFileSync(join(blobs, name));
        if (bytes[0] !== 0x1f) continue;
        bytes[bytes.length - 5]! ^= 1;
        writeFileSync(join(blobs, name), bytes);
      }
      const there = await site();
      const result = await there.build(app, { cacheFrom: [localCacheSource(directory)], tags: ["app"] });
      expect(decisionsOf(result.events)[0]).toMatch(/^2 ran: /);
      expect(warnings(result)[0]).toMatch(/is of no use for a step/);
      expect(there.files("app").text("built", 10)).toBe("a");
    });

    test("what is no cache is a warning; a missing directory is no cache yet", async () => {
      const here = await site();
      const directory = join(here.root, "junk");
      mkdirSync(directory);
      writeFileSync(join(directory, "index.json"), "[]");
      expect(warnings(await here.build(app, { cacheFrom: [localCacheSource(directory)] }))[0]).toMatch(
        /failed to import the cache/,
      );
      const none = await here.build(app, { cacheFrom: [localCacheSource(join(here.root, "nothing"))] });
      expect(warnings(none)).toEqual([]);
    });

    test("a cache mount goes along when it is named, and is warm on the other machine", async () => {
      const here = await site();
      const directory = join(here.root, "cache");
      const fill = (text: string) =>
        `FROM busybox\nRUN --mount=type=cache,target=/c,id=npm ls /c > /seen; echo ${text} > /c/${text}\n`;
      const target = localCacheTarget(directory, { mode: "max", mounts: ["npm"] });
      await here.build(fill("first"), { cacheTo: [target] });
      const there = await site();
      await there.build(fill("second"), { cacheFrom: [localCacheSource(directory)], tags: ["app"] });
      expect(there.files("app").text("seen", 100)).toBe("first\n");
      const none = localCacheTarget(directory, { mode: "max", mounts: ["pip"] });
      expect((await here.fail(fill("first"), { cacheTo: [none] })).error).toMatchObject({
        code: "ERR_BUILDER_CACHE_EXPORT",
        message: 'there is no cache mount "pip" to export',
      });
    });

    test("a directory with something else in it is not written over", async () => {
      const here = await site();
      const directory = join(here.root, "layout");
      mkdirSync(directory);
      writeFileSync(join(directory, "index.json"), "{}");
      const { error } = await here.fail(app, { cacheTo: [localCacheTarget(directory, { mode: "max" })] });
      expect(error).toMatchObject({ code: "ERR_BUILDER_CACHE_EXPORT" });
      expect(readFileSync(join(directory, "index.json"), "utf8")).toBe("{}");
    });
  },
);
