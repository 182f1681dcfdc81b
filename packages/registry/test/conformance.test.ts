// What distribution-spec 1.1 demands of a registry, in its four parts, asked of our server and of docker-registry.
// Each row makes what it needs in a repository of its own, so that no row depends on another.
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { openRegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, Client } from "./conformance-client.ts";
import { noise, sha256, temporaryDirectory } from "./images.ts";
import { missing, startDockerRegistry } from "./real-registry.ts";

const accept = { accept: `${mediaTypes.manifest}, ${mediaTypes.index}` };
const nobody = `sha256:${"0".repeat(64)}`;
const errorsOf = (answer: Answer): string[] =>
  (JSON.parse(answer.body.toString()).errors as { code: string }[]).map((it) => it.code);

interface Demand {
  readonly it: string;
  readonly check: (client: Client) => Promise<void>;
  /** Otherwise, or missing, in docker-registry 2.8, which follows an earlier version. */
  readonly since11?: true;
}

const pull: readonly Demand[] = [
  {
    it: "answers 200 at /v2/",
    check: async (client) => {
      expect((await client.ask("GET", "/v2/")).status).toBe(200);
    },
  },
  {
    it: "GET of a blob: 200, the bytes, the digest that was asked for",
    check: async (client) => {
      const { layer, layerDigest } = await client.putImage();
      const answer = await client.ask("GET", client.at(`blobs/${layerDigest}`));
      expect(answer).toMatchObject({ status: 200, body: layer, headers: { "docker-content-digest": layerDigest } });
    },
  },
  {
    it: "HEAD of a blob: 200, its length, no body",
    check: async (client) => {
      const { layer, layerDigest } = await client.putImage();
      const answer = await client.ask("HEAD", client.at(`blobs/${layerDigest}`));
      expect(answer).toMatchObject({ status: 200, headers: { "content-length": String(layer.length) } });
      expect(answer.body).toHaveLength(0);
    },
  },
  {
    it: "a part of a blob: 206 with the range",
    check: async (client) => {
      const { layer, layerDigest } = await client.putImage();
      const answer = await client.ask("GET", client.at(`blobs/${layerDigest}`), {
        headers: { range: "bytes=100-199" },
      });
      expect(answer).toMatchObject({
        status: 206,
        body: layer.subarray(100, 200),
        headers: { "content-range": `bytes 100-199/${layer.length}` },
      });
    },
  },
  {
    it: "a blob that is not there: 404 BLOB_UNKNOWN",
    check: async (client) => {
      await client.putImage();
      const answer = await client.ask("GET", client.at(`blobs/${nobody}`));
      expect(answer.status).toBe(404);
      expect(errorsOf(answer)).toEqual(["BLOB_UNKNOWN"]);
      expect((await client.ask("HEAD", client.at(`blobs/${nobody}`))).status).toBe(404);
    },
  },
  {
    it: "GET of a manifest, by tag and by digest: 200, the bytes, type and digest",
    check: async (client) => {
      const { text, digest } = await client.putImage({ references: ["1"] });
      for (const reference of ["1", digest])
        expect(await client.ask("GET", client.at(`manifests/${reference}`), { headers: accept })).toMatchObject({
          status: 200,
          body: Buffer.from(text),
          headers: { "content-type": mediaTypes.manifest, "docker-content-digest": digest },
        });
    },
  },
  {
    it: "HEAD of a manifest: 200, length, type and digest",
    check: async (client) => {
      const { text, digest } = await client.putImage();
      for (const reference of ["1", digest]) {
        const answer = await client.ask("HEAD", client.at(`manifests/${reference}`), { headers: accept });
        expect(answer).toMatchObject({
          status: 200,
          headers: { "content-length": String(text.length), "docker-content-digest": digest },
        });
        expect(answer.body).toHaveLength(0);
      }
    },
  },
  {
    it: "a manifest that is not there: 404 MANIFEST_UNKNOWN",
    check: async (client) => {
      await client.putImage();
      for (const reference of ["none", nobody]) {
        const answer = await client.ask("GET", client.at(`manifests/${reference}`));
        expect(answer.status).toBe(404);
        expect(errorsOf(answer)).toEqual(["MANIFEST_UNKNOWN"]);
        expect((await client.ask("HEAD", client.at(`manifests/${reference}`))).status).toBe(404);
      }
    },
  },
  {
    it: "a repository whose name cannot be: refused",
    check: async (client) => {
      expect((await client.ask("GET", "/v2/UPPER/case/manifests/1")).status).toBeGreaterThanOrEqual(400);
    },
  },
];

const push: readonly Demand[] = [
  {
    it: "a blob in one PUT: 202 with a Location, then 201 with another, where it can be fetched",
    check: async (client) => {
      const bytes = noise(2, 300);
      const start = await client.ask("POST", client.at("blobs/uploads/"));
      expect(start.status).toBe(202);
      const url = new URL(start.headers.location ?? "", `http://${client.host}`);
      url.searchParams.set("digest", sha256(bytes));
      const done = await client.ask("PUT", url.href, { body: bytes });
      expect(done.status).toBe(201);
      expect((await client.ask("GET", done.headers.location ?? "")).body).toEqual(bytes);
    },
  },
  {
    it: "a blob in one POST: 201, or 202 for who cannot",
    check: async (client) => {
      const bytes = noise(3, 300);
      const answer = await client.ask("POST", client.at(`blobs/uploads/?digest=${sha256(bytes)}`), { body: bytes });
      expect([201, 202]).toContain(answer.status);
      if (answer.status === 201) expect(answer.headers.location).toBeDefined();
    },
  },
  {
    it: "a blob in chunks: each 202 with Location and Range, the last by PUT",
    check: async (client) => {
      const bytes = noise(4, 300);
      let { headers } = await client.ask("POST", client.at("blobs/uploads/"), { headers: { "content-length": "0" } });
      for (const [start, end] of [[0, 99] as const, [100, 199] as const]) {
        const answer = await client.ask("PATCH", headers.location ?? "", {
          headers: { "content-type": "application/octet-stream", "content-range": `${start}-${end}` },
          body: bytes.subarray(start, end + 1),
        });
        expect(answer).toMatchObject({ status: 202, headers: { range: `0-${end}` } });
        headers = answer.headers;
      }
      const url = new URL(headers.location ?? "", `http://${client.host}`);
      url.searchParams.set("digest", sha256(bytes));
      const done = await client.ask("PUT", url.href, {
        headers: { "content-range": "200-299" },
        body: bytes.subarray(200),
      });
      expect(done.status).toBe(201);
      expect((await client.ask("GET", client.at(`blobs/${sha256(bytes)}`))).body).toEqual(bytes);
    },
  },
  {
    it: "a chunk out of order: 416, and the upload goes on where it was",
    since11: true,
    check: async (client) => {
      const { headers } = await client.ask("POST", client.at("blobs/uploads/"));
      const chunk = { headers: { "content-range": "5-9", "content-type": "application/octet-stream" }, body: "abcde" };
      expect((await client.ask("PATCH", headers.location ?? "", chunk)).status).toBe(416);
      const state = await client.ask("GET", headers.location ?? "");
      expect(state.status).toBe(204);
    },
  },
  {
    it: "how far an upload is: 204 with Location and Range",
    check: async (client) => {
      const { headers } = await client.ask("POST", client.at("blobs/uploads/"));
      const first = await client.ask("PATCH", headers.location ?? "", {
        headers: { "content-type": "application/octet-stream", "content-range": "0-9" },
        body: "0123456789",
      });
      expect(await client.ask("GET", first.headers.location ?? "")).toMatchObject({
        status: 204,
        headers: { range: "0-9", location: expect.any(String) },
      });
    },
  },
  {
    it: "bytes of another digest: refused with DIGEST_INVALID, and the blob is not there",
    check: async (client) => {
      const start = await client.ask("POST", client.at("blobs/uploads/"));
      const url = new URL(start.headers.location ?? "", `http://${client.host}`);
      url.searchParams.set("digest", nobody);
      const answer = await client.ask("PUT", url.href, { body: "hello" });
      expect(answer.status).toBe(400);
      expect(errorsOf(answer)).toEqual(["DIGEST_INVALID"]);
      expect((await client.ask("HEAD", client.at(`blobs/${nobody}`))).status).toBe(404);
    },
  },
  {
    it: "an upload that is cancelled: 204, then 404",
    check: async (client) => {
      const { headers } = await client.ask("POST", client.at("blobs/uploads/"));
      expect((await client.ask("DELETE", headers.location ?? "")).status).toBe(204);
      expect((await client.ask("GET", headers.location ?? "")).status).toBe(404);
    },
  },
  {
    it: "a mount from another repository: 201, and 202 for a blob that is not there",
    check: async (client) => {
      const { layer, layerDigest } = await client.putImage();
      const to = `${client.repository}-to`;
      const mount = (digest: string): string =>
        client.at(`blobs/uploads/?mount=${digest}&from=${client.repository}`, to);
      expect((await client.ask("POST", mount(layerDigest))).status).toBe(201);
      expect((await client.ask("GET", client.at(`blobs/${layerDigest}`, to))).body).toEqual(layer);
      expect(await client.ask("POST", mount(nobody))).toMatchObject({
        status: 202,
        headers: { location: expect.any(String) },
      });
    },
  },
  {
    it: "a mount without `from`: 201 or 202",
    check: async (client) => {
      const { layerDigest } = await client.putImage();
      const answer = await client.ask(
        "POST",
        client.at(`blobs/uploads/?mount=${layerDigest}`, `${client.repository}-to`),
      );
      expect([201, 202]).toContain(answer.status);
    },
  },
  {
    it: "a manifest by tag and by digest: 201 with a Location and its digest",
    check: async (client) => {
      const { text, digest } = await client.putImage();
      for (const reference of ["2", digest])
        expect(await client.putManifest(reference, text)).toMatchObject({
          status: 201,
          headers: { location: expect.any(String), "docker-content-digest": digest },
        });
    },
  },
  {
    it: "a manifest under the digest of another: refused",
    check: async (client) => {
      const { text } = await client.putImage();
      expect((await client.putManifest(nobody, text)).status).toBe(400);
    },
  },
  {
    it: "a manifest before its layers: refused",
    check: async (client) => {
      const { text } = await client.putImage();
      const other = text.replace(/(?<="layers":\[\{"mediaType":"[^"]*","digest":")[^"]*/, nobody);
      expect(other).toContain(nobody);
      const answer = await client.putManifest("2", other);
      expect([400, 404]).toContain(answer.status);
    },
  },
  {
    it: "what is no manifest: refused",
    check: async (client) => {
      expect((await client.putManifest("2", "blah")).status).toBe(400);
    },
  },
  {
    it: "an index of what is there: 201, and its bytes come back",
    check: async (client) => {
      const { text, digest } = await client.putImage();
      const manifests = [{ mediaType: mediaTypes.manifest, digest, size: text.length }];
      const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
      expect((await client.putManifest("all", index, mediaTypes.index)).status).toBe(201);
      const answer = await client.ask("GET", client.at("manifests/all"), { headers: accept });
      expect(answer).toMatchObject({ body: Buffer.from(index), headers: { "content-type": mediaTypes.index } });
    },
  },
  {
    it: "a manifest with a subject: the answer says that it was understood",
    since11: true,
    check: async (client) => {
      const { text, digest } = await client.putImage();
      const subject = { mediaType: mediaTypes.manifest, digest, size: text.length };
      const other = await client.putImage({ references: [], seed: 2, extra: { subject } });
      expect(await client.putManifest(other.digest, other.text)).toMatchObject({
        status: 201,
        headers: { "oci-subject": digest },
      });
    },
  },
  {
    it: "a subject that is not there yet: taken",
    since11: true,
    check: async (client) => {
      const subject = { mediaType: mediaTypes.manifest, digest: nobody, size: 5 };
      await client.putImage({ references: ["1"], extra: { subject } });
    },
  },
];

const discovery: readonly Demand[] = [
  {
    it: "all tags, in order",
    since11: true,
    check: async (client) => {
      await client.putImage({ references: ["b", "a", "c"] });
      const answer = await client.ask("GET", client.at("tags/list"));
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toEqual({ name: client.repository, tags: ["a", "b", "c"] });
    },
  },
  {
    it: "n tags, those after `last`, and a Link to the next",
    since11: true,
    check: async (client) => {
      await client.putImage({ references: ["t1", "t2", "t3", "t4"] });
      const tags = (answer: Answer) => JSON.parse(answer.body.toString()).tags;
      const first = await client.ask("GET", client.at("tags/list?n=2"));
      expect(tags(first)).toEqual(["t1", "t2"]);
      const link = /<([^>]+)>; rel="next"/.exec(first.headers.link ?? "")?.[1] ?? "";
      expect(tags(await client.ask("GET", link))).toEqual(["t3", "t4"]);
      expect(tags(await client.ask("GET", client.at("tags/list?n=2&last=t1")))).toEqual(["t2", "t3"]);
      expect(tags(await client.ask("GET", client.at("tags/list?n=0")))).toEqual([]);
    },
  },
  {
    it: "tags of a repository that is not there: 404",
    check: async (client) => {
      expect((await client.ask("GET", client.at("tags/list", "nobody/here"))).status).toBe(404);
    },
  },
  {
    it: "referrers: an index of them, empty where there are none",
    since11: true,
    check: async (client) => {
      const { text, digest } = await client.putImage();
      const subject = { mediaType: mediaTypes.manifest, digest, size: text.length };
      const annotations = { a: "b" };
      const one = await client.putImage({
        references: [],
        seed: 2,
        extra: { subject, artifactType: "application/x.one", annotations },
      });
      const two = await client.putImage({ references: [], seed: 3, extra: { subject } });
      for (const { digest: reference, text: it } of [one, two]) await client.putManifest(reference, it);
      const answer = await client.ask("GET", client.at(`referrers/${digest}`));
      expect(answer).toMatchObject({ status: 200, headers: { "content-type": mediaTypes.index } });
      const { manifests } = JSON.parse(answer.body.toString());
      expect(manifests).toHaveLength(2);
      expect(manifests).toContainEqual({
        mediaType: mediaTypes.manifest,
        digest: one.digest,
        size: one.text.length,
        artifactType: "application/x.one",
        annotations,
      });
      // Without an artifactType, the type of the config stands in.
      expect(manifests).toContainEqual(
        expect.objectContaining({ digest: two.digest, artifactType: mediaTypes.config }),
      );
      const none = await client.ask("GET", client.at(`referrers/${nobody}`));
      expect(none.status).toBe(200);
      expect(JSON.parse(none.body.toString()).manifests).toEqual([]);
    },
  },
  {
    it: "referrers of one type, and the answer says that it chose",
    since11: true,
    check: async (client) => {
      const { text, digest } = await client.putImage();
      const subject = { mediaType: mediaTypes.manifest, digest, size: text.length };
      for (const [seed, artifactType] of ["application/x.one", "application/x.two"].entries()) {
        const it = await client.putImage({ references: [], seed: seed + 2, extra: { subject, artifactType } });
        await client.putManifest(it.digest, it.text);
      }
      const answer = await client.ask("GET", client.at(`referrers/${digest}?artifactType=application/x.two`));
      expect(answer.headers["oci-filters-applied"]).toBe("artifactType");
      expect(JSON.parse(answer.body.toString()).manifests).toEqual([
        expect.objectContaining({ artifactType: "application/x.two" }),
      ]);
    },
  },
  {
    it: "referrers of what is no digest: 400",
    since11: true,
    check: async (client) => {
      expect((await client.ask("GET", client.at("referrers/latest"))).status).toBe(400);
    },
  },
];

const management: readonly Demand[] = [
  {
    it: "DELETE of a tag: 202, then 404, and the manifest stays",
    since11: true,
    check: async (client) => {
      const { digest } = await client.putImage({ references: ["1", "2"] });
      expect((await client.ask("DELETE", client.at("manifests/1"))).status).toBe(202);
      expect((await client.ask("GET", client.at("manifests/1"))).status).toBe(404);
      expect((await client.ask("GET", client.at(`manifests/${digest}`), { headers: accept })).status).toBe(200);
      expect((await client.ask("GET", client.at("manifests/2"), { headers: accept })).status).toBe(200);
    },
  },
  {
    it: "DELETE of a manifest: 202, then 404, its tags too",
    check: async (client) => {
      const { digest } = await client.putImage({ references: ["1"] });
      expect((await client.ask("DELETE", client.at(`manifests/${digest}`))).status).toBe(202);
      for (const reference of [digest, "1"])
        expect((await client.ask("GET", client.at(`manifests/${reference}`), { headers: accept })).status).toBe(404);
    },
  },
  {
    it: "DELETE of a blob: 202, then 404",
    check: async (client) => {
      const { layerDigest } = await client.putImage();
      expect((await client.ask("DELETE", client.at(`blobs/${layerDigest}`))).status).toBe(202);
      expect((await client.ask("GET", client.at(`blobs/${layerDigest}`))).status).toBe(404);
    },
  },
  {
    it: "DELETE of what is not there: 404",
    check: async (client) => {
      await client.putImage();
      for (const path of [`blobs/${nobody}`, `manifests/${nobody}`])
        expect((await client.ask("DELETE", client.at(path))).status).toBe(404);
    },
  },
  {
    it: "a referrer that is deleted is listed no more",
    since11: true,
    check: async (client) => {
      const { text, digest } = await client.putImage();
      const subject = { mediaType: mediaTypes.manifest, digest, size: text.length };
      const it = await client.putImage({ references: [], seed: 2, extra: { subject } });
      await client.putManifest(it.digest, it.text);
      expect((await client.ask("DELETE", client.at(`manifests/${it.digest}`))).status).toBe(202);
      const { body } = await client.ask("GET", client.at(`referrers/${digest}`));
      expect(JSON.parse(body.toString()).manifests).toEqual([]);
    },
  },
];

const parts = { pull, push, "content discovery": discovery, "content management": management };
const noDocker = missing("docker-registry");
const registries = [
  {
    name: "our server",
    skip: false,
    has11: true,
    start: async (path: string) => openRegistryServer({ directory: join(path, "store") }),
  },
  {
    name: `docker-registry${noDocker === false ? "" : `: ${noDocker}`}`,
    skip: noDocker !== false,
    has11: false,
    start: (path: string) => startDockerRegistry(path),
  },
];

for (const { name, skip, has11, start } of registries)
  describe.skipIf(skip)(name, () => {
    let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
    let registry: Awaited<ReturnType<typeof start>>;
    beforeAll(async () => {
      directory = await temporaryDirectory();
      registry = await start(directory.path);
    });
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    });

    let count = 0;
    for (const [part, demands] of Object.entries(parts))
      describe(part, () => {
        for (const { it, check, since11 } of demands)
          test.skipIf(since11 === true && !has11)(it, () =>
            check(new Client(registry.host, `conformance/r${count++}`)),
          );
      });
  });
