// A mirror in registries.json: used when it is good, and no matter when it is not.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { type FaultRule, faultyRegistry } from "@ctr/registry/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("pull through a mirror (needs root)", () => {
  const { engine } = temporaryEngine();
  const directory = mkdtempSync(join(tmpdir(), "ctr-mirrors-"));
  let server: RegistryServer;
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    for (const path of ["team/app", "cache/team/app"]) {
      engine.images.tag("busybox", `${server.host}/${path}:1`);
      for await (const _ of engine.images.push({ reference: `${server.host}/${path}:1` }));
    }
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const cases: readonly {
    readonly plan: readonly FaultRule[];
    readonly own: RegExp | undefined;
    readonly why: string;
  }[] = [
    { plan: [], own: undefined, why: "the registry itself is not asked" },
    {
      plan: [{ on: /blobs/, fault: { kind: "wrongBytes" } }],
      own: /GET .*\/blobs\//,
      why: "wrong bytes come again from the registry",
    },
    {
      plan: [{ on: /blobs/, fault: { kind: "cut", afterBytes: 10_000 } }],
      own: /GET .*\/blobs\//,
      why: "what breaks off is continued from the registry",
    },
    { plan: [{ fault: { kind: "status", status: 404 } }], own: /GET .*\/manifests\//, why: "an empty mirror" },
  ];
  for (const [number, { plan, own, why }] of cases.entries())
    test(why, async () => {
      await using origin = await faultyRegistry(server, []);
      await using mirror = await faultyRegistry(server, plan);
      const root = join(directory, `state-${number}`);
      using elsewhere = openEngine({ root });
      const entry = { mirrors: [`http://${mirror.host}/cache`] };
      writeFileSync(join(root, "registries.json"), JSON.stringify({ [origin.host]: entry }));
      const reference = `${origin.host}/team/app:1`;
      for await (const _ of elsewhere.images.pull({ reference }));
      expect(elsewhere.images.resolve(reference).variant.config).toBe(engine.images.resolve("busybox").variant.config);
      if (own === undefined) expect(origin.requests).toEqual([]);
      else expect(origin.requests.join("\n")).toMatch(own);
      expect(mirror.requests.every((line) => line.includes("/v2/cache/team/app/"))).toBe(true);
    });
});
