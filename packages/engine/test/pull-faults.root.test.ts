// Whatever a line or a registry does, a pull succeeds or says why in a sentence, and the store is as it was.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@ctr/image-store";
import { type Descriptor, type Digest, makeDigest, mediaTypes } from "@ctr/oci";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { type FaultRule, faultyRegistry, hostileDocuments } from "@ctr/registry/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

const cut64K: FaultRule = { on: /blobs/, fault: { kind: "cut", afterBytes: 65_536 } };
const faults: readonly { readonly plan: readonly FaultRule[]; readonly is: "ok" | RegExp; readonly why: string }[] = [
  { plan: [cut64K], is: "ok", why: "every connection is cut after 64 KiB" },
  { plan: [{ fault: { kind: "cut", afterBytes: 0 }, times: 2 }], is: "ok", why: "two resets" },
  { plan: [{ fault: { kind: "cut", afterBytes: 0 } }], is: /: manifest app:1: no answer after 5/, why: "resets" },
  {
    plan: [{ on: /blobs/, fault: { kind: "cut", afterBytes: 100 } }],
    is: /: blob sha256:\w+: cut at byte \d+ of \d+; gave up/,
    why: "a hundred bytes a time",
  },
  { plan: [{ fault: { kind: "status", status: 429, retryAfter: "0" }, times: 3 }], is: "ok", why: "busy, then not" },
  {
    plan: [{ fault: { kind: "status", status: 429, retryAfter: "7200" } }],
    is: /: manifest app:1: too many requests: status 429; try again in 7200 s/,
    why: "busy for two hours",
  },
  { plan: [{ fault: { kind: "status", status: 503 }, times: 2 }], is: "ok", why: "overloaded, then not" },
  {
    plan: [{ on: /blobs/, fault: { kind: "status", status: 500 } }],
    is: /: blob sha256:\w+: unexpected answer: status 500/,
    why: "broken",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "status", status: 404 } }],
    is: /: blob sha256:\w+: not found/,
    why: "a blob that is not there",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongBytes" } }],
    is: /: blob sha256:\w+: the \d+ bytes have the digest \w+; they are not kept/,
    why: "a wrong byte in a blob",
  },
  {
    plan: [{ on: /manifests/, fault: { kind: "wrongBytes" } }],
    is: /: manifest app:1: the document has the digest sha256:\w+, not sha256:\w+/,
    why: "a wrong byte in the manifest",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongLength", by: 1, isAnnounced: true } }],
    is: /: blob sha256:\w+: the registry sent \d+ bytes, not the \d+ promised/,
    why: "a length that lies",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "wrongLength", by: 1, isAnnounced: false } }],
    is: /: blob sha256:\w+: the registry sent more than the \d+ bytes promised/,
    why: "a byte too many",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "redirect", to: "itself" } }],
    is: /: blob sha256:\w+: more than 5 redirects, probably in a loop/,
    why: "a redirect loop",
  },
  {
    plan: [{ on: /blobs/, fault: { kind: "slow", bytes: 200_000, everyMillis: 5 } }],
    is: "ok",
    why: "slow, but alive",
  },
];

describe.skipIf(notRoot)("pull through bad lines and from bad registries (needs root)", () => {
  const { engine } = temporaryEngine();
  const directory = mkdtempSync(join(tmpdir(), "ctr-faults-"));
  let server: RegistryServer;
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    engine.images.tag("busybox", `${server.host}/app:1`);
    for await (const _ of engine.images.push({ reference: `${server.host}/app:1` }));
  });
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const sha256Of = (bytes: string | Uint8Array): Digest =>
    makeDigest("sha256", createHash("sha256").update(bytes).digest("hex"));

  /** Pull with what `plan` spoils; says how it ended. What did not end well must have left nothing. */
  async function pullWith(plan: readonly FaultRule[], path = "app:1"): Promise<string> {
    await using faulty = await faultyRegistry(server, plan);
    const root = mkdtempSync(join(directory, "state-"));
    {
      using fresh = openEngine({ root });
      await fresh.images.list();
    }
    const before = filesOf(root);
    let outcome = "ok";
    {
      using elsewhere = openEngine({ root });
      try {
        for await (const _ of elsewhere.images.pull({ reference: `${faulty.host}/${path}` }));
        expect(elsewhere.images.resolve(`${faulty.host}/${path}`).variant.config).toMatch(/^sha256:/);
      } catch (error) {
        outcome = (error as Error).message;
        expect(await elsewhere.images.list()).toEqual([]);
      }
    }
    if (outcome === "ok") return outcome;
    {
      using store = openStore({ root });
      await store.prune();
    }
    expect(filesOf(root)).toEqual(before);
    return outcome;
  }

  const filesOf = (root: string): string[] =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      // The directory of the short names of layers stays once it is there.
      .filter((name) => !name.startsWith("ctr.db") && name !== "overlay2/l")
      .toSorted();

  for (const { plan, is, why } of faults)
    test.concurrent(why, async ({ expect }) => {
      const outcome = await pullWith(plan);
      if (is === "ok") expect(outcome).toBe("ok");
      else expect(outcome).toMatch(is);
      expect(outcome.split("\n")).toHaveLength(1);
    });

  for (const { name, why, contentType, body } of hostileDocuments)
    test.concurrent(`a manifest, ${name}: ${why}`, async ({ expect }) => {
      const answer = { kind: "answer", headers: { "content-type": contentType }, body } as const;
      const outcome = await pullWith([{ on: /manifests/, fault: answer }]);
      expect(outcome).toMatch(/^127\.0\.0\.1:\d+: manifest app:1: ./);
      expect(outcome.length).toBeLessThan(700);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

  describe("an image that is not what it says", () => {
    const cases: readonly {
      readonly why: string;
      readonly change: (manifest: Manifest, config: Config) => void;
      readonly is: RegExp;
    }[] = [
      {
        why: "a layer that unpacks to another diff id",
        change: (_, config) => void config.rootfs.diff_ids.splice(0, 1, sha256Of("other")),
        is: /diff id is sha256:\w+, but sha256:\w+ was promised/,
      },
      {
        why: "fewer diff ids than layers",
        change: (_, config) => void config.rootfs.diff_ids.pop(),
        is: /config sha256:\w+: it names 0 unpacked layers; the manifest has 1/,
      },
      {
        why: "a layer said to be larger than it is",
        change: (manifest) => {
          manifest.layers[0]!.size += 1;
        },
        is: /blob sha256:\w+: the registry sent \d+ bytes, not the \d+ promised/,
      },
      {
        why: "a layer of an unknown type",
        change: (manifest) => {
          manifest.layers[0]!.mediaType = "application/x-rar";
        },
        is: /manifest lie:\w+: it has a layer of type "application\/x-rar"; no image is made so/,
      },
      {
        why: "a layer that is no archive",
        change: (manifest) => {
          manifest.layers[0] = { ...manifest.config, mediaType: mediaTypes.layerGzip };
        },
        is: /the archive ends in the middle of an entry/,
      },
    ];
    interface Manifest {
      config: Descriptor;
      layers: { mediaType: string; digest: Digest; size: number }[];
    }
    interface Config {
      rootfs: { diff_ids: string[] };
    }

    for (const [number, { why, change, is }] of cases.entries())
      test(why, async () => {
        await using registry = openRegistry({ host: server.host });
        const { document, config } = await onlyLayer(registry, `good${number}`);
        change(document, config);
        const configBytes = Buffer.from(JSON.stringify(config));
        document.config = { ...document.config, digest: sha256Of(configBytes), size: configBytes.length };
        const put = { repository: "lie", descriptor: document.config };
        await registry.pushBlob({ ...put, source: { open: () => [configBytes] } });
        // Our own server refuses some of these lies, so they are told in its name.
        const bytes = Buffer.from(JSON.stringify(document));
        const headers = { "content-type": mediaTypes.manifest };
        const lie: FaultRule = { on: /manifests/, fault: { kind: "answer", headers, body: () => [bytes] } };
        expect(await pullWith([lie], `lie:${number}`)).toMatch(is);
      });

    /** An image of one layer that can be told lies about, its blobs in the repository `lie`. */
    async function onlyLayer(
      registry: ReturnType<typeof openRegistry>,
      tag: string,
    ): Promise<{ document: Manifest; config: Config }> {
      const name = `${server.host}/lie:${tag}`;
      engine.images.tag("busybox", name);
      for await (const _ of engine.images.push({ reference: name }));
      const found = await registry.resolve({ repository: "lie", reference: tag });
      if (found.kind !== "manifest") throw new Error("no manifest");
      const chunks: Uint8Array[] = [];
      for await (const it of registry.fetchBlob({ repository: "lie", descriptor: found.manifest.config }))
        chunks.push(it);
      const config = JSON.parse(Buffer.concat(chunks).toString());
      const document = JSON.parse(Buffer.from(found.bytes).toString());
      document.layers = document.layers.slice(0, 1);
      config.rootfs.diff_ids = config.rootfs.diff_ids.slice(0, 1);
      return { document, config };
    }
  });

  test("indexes in indexes, and a layer list that goes round, end with a limit", async () => {
    // An index whose only entry is itself cannot have its own digest, so each level is another document.
    let inner = { mediaType: mediaTypes.manifest as string, digest: sha256Of("x"), size: 1 };
    const documents = new Map<string, Buffer>();
    for (let depth = 0; depth < 6; depth++) {
      const bytes = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.index,
          manifests: [inner],
          annotations: { depth: `${depth}` },
        }),
      );
      inner = { mediaType: mediaTypes.index, digest: sha256Of(bytes), size: bytes.length };
      documents.set(inner.digest, bytes);
    }
    const headers = { "content-type": mediaTypes.index };
    const plan = [...documents].map(
      ([digest, bytes]): FaultRule => ({
        on: new RegExp(`manifests/(?:${digest}${digest === inner.digest ? "|1" : ""})$`),
        fault: { kind: "answer", headers, body: () => [bytes] },
      }),
    );
    expect(await pullWith(plan)).toMatch(/manifest app:1: indexes are nested more than 2 deep/);
  });

  test("after a cut pull, only what is missing is fetched", async () => {
    const root = mkdtempSync(join(directory, "state-"));
    using elsewhere = openEngine({ root });
    let first: Descriptor[] = [];
    await using faulty = await faultyRegistry(server, []);
    const abort = new AbortController();
    const reference = `${faulty.host}/app:1`;
    await expect(
      (async () => {
        for await (const event of elsewhere.images.pull({ reference, signal: abort.signal })) {
          if (event.kind === "selected") first = [...event.manifest.layers];
          if (event.kind === "stored" && first.some((it) => it.digest === event.descriptor.digest)) abort.abort();
        }
      })(),
    ).rejects.toThrow();
    const asked = faulty.requests.length;
    for await (const _ of elsewhere.images.pull({ reference }));
    const again = faulty.requests.slice(asked).filter((line) => first.some((it) => line.includes(it.digest)));
    expect(again.length).toBeLessThan(first.length);
  });
});
