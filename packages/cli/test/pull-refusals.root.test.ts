// What no pull takes: each is refused with one sentence that names the object and the reason, and the store stays as it was.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { type FaultRule, faultyRegistry, hostileDocuments } from "@ctr/registry/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";

/** The reasons, by the name of the document; each must also be told of `manifest app:1`. */
const reasons: ReadonlyMap<string, RegExp> = new Map([
  ["100 MB", /more than 4194304 are refused/],
  ["__proto__", /__proto__/],
  ["duplicate key", /layers/],
  ["key of another case", /Layers/],
  ["manifest and index in one", /manifests/],
  ["index announced as a manifest", /an image manifest has no "manifests"/],
  ["manifest announced as an index", /an image index has no "config"/],
  ["schema 1", /schema 1 images are not supported; push the image again with a current tool/],
  ["schema 1 as schema 2", /schemaVersion/],
  ["unknown type", /"text\/html" is neither a manifest nor an index/],
  ["no type at all", /neither the registry nor the document says what it is/],
  ["not JSON", /JSON/],
  ["empty", /JSON|empty/],
  ["deep", /deep/],
  ["digest with a path", /digest/],
  ["digest of another algorithm", /digest/],
  ["negative size", /size/],
  ["5000 layers", /layers/],
  ["20,000 manifests", /manifests/],
  ["config of 100 MB", /config has 104857600 bytes/],
  ["unknown layer type", /a layer of type "application\/x-rar"/],
  ["one layer with two sizes", /is named with 3 and with 4 bytes/],
]);

describe.skipIf(notRoot)("what ctr pull refuses (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-refusals-"));
  const ctr = new Ctr(join(directory, "state"));
  let server: RegistryServer;
  let before: string[];
  const files = (): string[] => readdirSync(join(ctr.root, "images"), { recursive: true, encoding: "utf8" }).toSorted();
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    before = files();
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function refused(name: string, reason: RegExp): Promise<void> {
    const { status, stdout, stderr } = await ctr.call(["pull", "-q", name]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(reason);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr.length).toBeLessThan(700);
    expect(files()).toEqual(before);
  }

  test("there is a reason for every document", () => {
    expect([...reasons.keys()].toSorted()).toEqual(hostileDocuments.map(({ name }) => name).toSorted());
  });

  for (const { name, why, contentType, body } of hostileDocuments)
    test.concurrent(`a manifest, ${name}: ${why}`, async () => {
      const rule: FaultRule = { fault: { kind: "answer", headers: { "content-type": contentType }, body } };
      await using faulty = await faultyRegistry(server, [rule]);
      await refused(
        `${faulty.host}/app:1`,
        new RegExp(`^ctr: ${faulty.host}: manifest app:1: .*${reasons.get(name)?.source}`),
      );
    });

  const manifest = (change: object): FaultRule => ({
    fault: {
      kind: "answer",
      headers: { "content-type": mediaTypes.manifest },
      body: () => [Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, ...change }))],
    },
  });
  test("a layer that the registry does not have", async () => {
    const blob = { digest: `sha256:${"a".repeat(64)}`, size: 5 };
    const rule = manifest({
      config: { ...blob, mediaType: mediaTypes.config },
      layers: [{ ...blob, mediaType: mediaTypes.layerGzip }],
    });
    await using faulty = await faultyRegistry(server, [{ ...rule, on: /manifests/ }]);
    await refused(`${faulty.host}/app:1`, /blob sha256:a{64}: not found: status 404/);
  });

  const names = [
    { name: "a".repeat(100_000), is: /invalid reference format: "a+…?": it has 100000 characters/, why: "100 KB" },
    { name: "app@sha256:../../../etc/passwd", is: /invalid reference .*no sha256 or sha512 digest/, why: "a path" },
    { name: `app@sha256:${"A".repeat(64)}`, is: /no sha256 or sha512 digest/, why: "an upper-case digest" },
    { name: "127.0.0.1:99999/app", is: /127\.0\.0\.1:99999.* is no registry host|invalid reference/, why: "no port" },
    { name: "../app", is: /invalid reference format/, why: "a path for a name" },
    {
      name: "app:\u001b[2J",
      is: /invalid reference format: "app:\\u001b\[2J": .* is no tag/,
      why: "an escape sequence",
    },
    { name: "", is: /invalid reference format/, why: "nothing" },
  ];
  for (const { name, is, why } of names) test(`a name: ${why}`, () => refused(name, is));
});
