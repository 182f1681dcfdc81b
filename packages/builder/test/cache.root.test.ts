import { chmodSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "@ctr/image-store";
import { describe, expect, test } from "vitest";
import { pruneBuildCache } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

const app = `FROM busybox
ARG GIT_SHA=none
WORKDIR /app
COPY package.json ./
RUN cat package.json > installed
COPY src src
RUN cat src/a.js src/b.js > built
LABEL sha=$GIT_SHA
`;

async function site(): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write({ "package.json": "{}", "src/a.js": "a", "src/b.js": "b" });
  await made.build(app);
  return made;
}

const allReused = ["3 reused", "4 reused", "5 reused", "6 reused", "7 reused"];

interface Case {
  readonly change: string;
  readonly does: (here: Site) => void | Promise<void>;
  readonly dockerfile?: string;
  readonly args?: Record<string, string>;
  readonly expect: readonly string[];
}

const cases: readonly Case[] = [
  { change: "nothing", does: () => {}, expect: allReused },
  {
    change: "a source file: the steps above it stay",
    does: (here) => here.write({ "src/a.js": "A" }),
    expect: ["3 reused", "4 reused", "5 reused", "6 ran: src/a.js changed", "7 ran: step 6 ran"],
  },
  {
    change: "package.json: what is copied later is still the same, but lies on something else",
    does: (here) => here.write({ "package.json": "{ }" }),
    expect: ["3 reused", "4 ran: package.json changed", "5 ran: step 4 ran", "6 ran: step 5 ran", "7 ran: step 6 ran"],
  },
  {
    change: "a new file",
    does: (here) => here.write({ "src/c.js": "c" }),
    expect: ["3 reused", "4 reused", "5 reused", "6 ran: src/c.js is new", "7 ran: step 6 ran"],
  },
  {
    change: "only times: no change",
    does: (here) => {
      utimesSync(join(here.context, "src/a.js"), 5, 5);
      utimesSync(join(here.context, "package.json"), 5, 5);
    },
    expect: allReused,
  },
  {
    change: "a mode",
    does: (here) => chmodSync(join(here.context, "src/a.js"), 0o755),
    expect: ["3 reused", "4 reused", "5 reused", "6 ran: src/a.js changed", "7 ran: step 6 ran"],
  },
  {
    change: "an argument: every command could read it, no copy does",
    does: () => {},
    args: { GIT_SHA: "abc" },
    expect: [
      "3 reused",
      "4 reused",
      "5 ran: ARG GIT_SHA entered at line 2 changed",
      "6 ran: step 5 ran",
      "7 ran: ARG GIT_SHA entered at line 2 changed, step 6 ran",
    ],
  },
  {
    change: "the base image's files",
    does: (here) => here.addBase({ motd: "welcome" }),
    expect: [
      "3 ran: base image busybox:latest changed",
      "4 ran: step 3 ran",
      "5 ran: step 4 ran",
      "6 ran: step 5 ran",
      "7 ran: step 6 ran",
    ],
  },
  {
    change: "the base image's environment: only commands see it",
    does: (here) => here.addBase({ env: ["PATH=/bin", "MODE=fast"] }),
    expect: [
      "3 reused",
      "4 reused",
      "5 ran: ENV MODE is new",
      "6 ran: step 5 ran",
      "7 ran: ENV MODE is new, step 6 ran",
    ],
  },
  {
    change: "a command",
    does: () => {},
    dockerfile: app.replace("> built", "> made"),
    expect: ["3 reused", "4 reused", "5 reused", "6 reused", "7 ran: instruction changed"],
  },
  {
    change: "a label in front: nothing below is other than it was",
    does: () => {},
    dockerfile: app.replace("WORKDIR", "LABEL a=b\nWORKDIR"),
    expect: ["4 reused", "5 reused", "6 reused", "7 reused", "8 reused"],
  },
  {
    change: "a new step between old ones is new, and they lie on it",
    does: () => {},
    dockerfile: app.replace("COPY src", "RUN echo hi > greeting\nCOPY src"),
    expect: ["3 reused", "4 reused", "5 reused", "6 ran: never ran before", "7 ran: step 6 ran", "8 ran: step 7 ran"],
  },
  {
    change: "the user of commands",
    does: () => {},
    dockerfile: app.replace("WORKDIR", "USER root\nWORKDIR"),
    expect: [
      "4 ran: USER entered at line 3 changed",
      "5 reused",
      "6 ran: USER entered at line 3 changed",
      "7 ran: step 6 ran",
      "8 ran: USER entered at line 3 changed, step 7 ran",
    ],
  },
];

describe.skipIf(missing !== undefined)(`why a step runs${missing === undefined ? "" : ` (${missing})`}`, () => {
  for (const { change, does, dockerfile, args, expect: expected } of cases)
    test(change, async () => {
      const here = await site();
      await does(here);
      expect(await here.decisions(dockerfile ?? app, args && { args })).toEqual(expected);
    });

  test("back to what was: reused, whatever was built between", async () => {
    const here = await site();
    here.write({ "src/a.js": "A" });
    await here.build(app);
    here.write({ "src/a.js": "a" });
    expect(await here.decisions(app)).toEqual(allReused);
  });

  test("where a step stood before the last build, nobody looks", async () => {
    const here = await site();
    here.write({ f: "f" });
    await here.build("FROM busybox\nRUN echo a > /a\nCOPY f /f\n");
    await here.build("FROM busybox\nLABEL a=1\nCOPY f /f\n");
    const decisions = await here.decisions("FROM busybox\nRUN echo z > /z\nCOPY f /f\n");
    expect(decisions).toEqual(["2 ran: never ran before", "3 ran: step 2 ran"]);
  });

  test("a command that changes nothing makes no layer, and is not done again", async () => {
    const here = await site();
    const dockerfile = "FROM busybox\nRUN true\n";
    const first = await here.build(dockerfile, { tags: ["empty"] });
    expect(first.events.filter((event) => event.type === "stepFinished").map(({ layer }) => layer)).toEqual([
      undefined,
      undefined,
    ]);
    const { config } = await here.store.read(here.store.resolve("empty"));
    expect(config.rootfs.diff_ids.length).toBe(1);
    expect(config.history?.at(-1)).toMatchObject({ created_by: "RUN /bin/sh -c true", empty_layer: true });
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
  });

  test("noCache: every step runs and says why", async () => {
    const here = await site();
    const reason = "ran: the cache is not to be used";
    expect(await here.decisions(app, { noCache: true })).toEqual([3, 4, 5, 6, 7].map((step) => `${step} ${reason}`));
  });

  test("the cache outlives its process, and a prune of images", async () => {
    const here = await site();
    here.store.close();
    using store = openStore({ root: here.store.root });
    await store.prune();
    expect(await here.decisions(app, { store })).toEqual(allReused);
  });

  test("a pruned cache is no cache; layers of images stay", async () => {
    const here = await site();
    await here.build(app, { tags: ["app"] });
    await pruneBuildCache({ store: here.store });
    expect(here.files("app").text("app/built", 10)).toBe("ab");
    expect((await here.decisions(app)).at(-1)).toBe("7 ran: never ran before");
  });

  test("a layer that is gone from the store is made again", async () => {
    const here = await site();
    const { events } = await here.build(app);
    for (const event of events)
      if (event.type === "stepFinished" && event.layer !== undefined)
        here.store.release(`build-cache:${event.layer.chainId}`);
    here.store.dropLeases();
    await here.store.prune({ images: "dangling" });
    expect((await here.decisions(app)).slice(0, 2)).toEqual([
      "3 ran: the layer is not in the store any more",
      "4 ran: the layer is not in the store any more",
    ]);
  });
});
