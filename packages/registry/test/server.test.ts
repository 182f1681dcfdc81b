// What a client that is not ours may send, and what the server makes of it.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import fc from "fast-check";
import { expect, test } from "vitest";
import { collect, makeImage, memorySource, sha256, temporaryDirectory } from "./images.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** One request, its path sent as it is: fetch would tidy it. */
function ask(
  server: RegistryServer,
  method: string,
  path: string,
  o: { readonly headers?: Record<string, string>; readonly body?: string | Uint8Array } = {},
): Promise<Answer> {
  const [hostname, port] = server.host.split(":");
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method, path, headers: o.headers ?? {}, agent: false },
      async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(o.body);
  });
}

const image = makeImage({ sizes: [1000] });
const layer = image.layers[0]!;
const content = Buffer.from(image.bytes.get(layer.digest)!);

async function stocked(path: string) {
  const server = await openRegistryServer({ directory: path, maxBlobBytes: 5000 });
  await using registry = openRegistry({ host: server.host });
  await collect(
    pushImage({ registry, repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) }),
  );
  return server;
}

const blob = `/v2/app/blobs/${layer.digest}`;
const upload = "/v2/app/blobs/uploads/";
const manifestHeaders = { "content-type": mediaTypes.manifest };
const cases: readonly {
  readonly send: readonly [string, string, Parameters<typeof ask>[3]?];
  readonly is: Readonly<Record<string, unknown>>;
  readonly why: string;
}[] = [
  { send: ["GET", "/v2/"], is: { status: 200 }, why: "the root" },
  { send: ["GET", blob], is: { status: 200, body: content }, why: "a blob" },
  { send: ["HEAD", blob], is: { status: 200, body: Buffer.alloc(0) }, why: "its head" },
  {
    send: ["GET", blob, { headers: { range: "bytes=10-19" } }],
    is: { status: 206, body: content.subarray(10, 20) },
    why: "a part",
  },
  {
    send: ["GET", blob, { headers: { range: "bytes=990-" } }],
    is: { status: 206, body: content.subarray(990) },
    why: "its end",
  },
  { send: ["GET", blob, { headers: { range: "bytes=1000-" } }], is: { status: 416 }, why: "behind its end" },
  {
    send: ["GET", blob, { headers: { range: "bytes=0-9", "if-range": '"x"' } }],
    is: { status: 200, body: content },
    why: "a part of another version",
  },
  {
    send: ["GET", blob, { headers: { "if-none-match": `"${layer.digest}"` } }],
    is: { status: 304 },
    why: "known already",
  },
  { send: ["GET", `/v2/other/blobs/${layer.digest}`], is: { status: 404 }, why: "another repository's blob" },
  { send: ["GET", "/v2/app/blobs/sha256:../../../etc/passwd"], is: { status: 404 }, why: "a path" },
  { send: ["GET", "/v2/app/blobs/sha256:..%2f..%2findex.json"], is: { status: 404 }, why: "a path in disguise" },
  { send: ["GET", `/v2/app/blobs/${layer.digest.toUpperCase()}`], is: { status: 400 }, why: "upper case" },
  { send: ["GET", "/v2/../app/manifests/1"], is: { status: 404 }, why: "dots" },
  { send: ["GET", "/v2/App/manifests/1"], is: { status: 400 }, why: "a name that cannot be" },
  { send: ["GET", "/v2/app/manifests/nope"], is: { status: 404 }, why: "no such tag" },
  { send: ["GET", "http://[/"], is: { status: 400 }, why: "no path at all" },
  { send: ["POST", "/v2/app/manifests/1"], is: { status: 405 }, why: "another method" },
  { send: ["GET", "/v2/app/tags/list?n=x"], is: { status: 400 }, why: "a page of x" },
  { send: ["GET", "/v2/nope/tags/list"], is: { status: 404 }, why: "no such repository" },
  {
    send: ["PUT", "/v2/app/manifests/2", { headers: manifestHeaders, body: "{" }],
    is: { status: 400 },
    why: "no manifest",
  },
  {
    send: ["PUT", "/v2/app/manifests/2", { headers: manifestHeaders, body: Buffer.alloc(5_000_000) }],
    is: { status: 413 },
    why: "too large a manifest",
  },
  {
    send: [
      "PUT",
      `/v2/app/manifests/${layer.digest}`,
      { headers: manifestHeaders, body: image.bytes.get(image.root.digest)! },
    ],
    is: { status: 400 },
    why: "under another digest",
  },
  {
    send: ["PUT", "/v2/empty/manifests/2", { headers: manifestHeaders, body: image.bytes.get(image.root.digest)! }],
    is: { status: 400 },
    why: "before its blobs",
  },
  {
    send: ["POST", `${upload}?digest=${sha256(Buffer.from("x"))}`, { body: "x" }],
    is: { status: 201 },
    why: "a blob in one request",
  },
  {
    send: ["POST", `${upload}?digest=${sha256(Buffer.from("x"))}`, { body: "y" }],
    is: { status: 400 },
    why: "with another digest",
  },
  {
    send: ["POST", `${upload}?digest=sha256:../x`, { body: "x" }],
    is: { status: 400 },
    why: "with a digest that is a path",
  },
  {
    send: ["POST", `${upload}?digest=${layer.digest}`, { body: Buffer.alloc(6000) }],
    is: { status: 413 },
    why: "more than it takes",
  },
  { send: ["POST", `/v2/other/blobs/uploads/?mount=${layer.digest}&from=app`], is: { status: 201 }, why: "a mount" },
  {
    send: ["POST", `/v2/other/blobs/uploads/?mount=${layer.digest}&from=nope`],
    is: { status: 202 },
    why: "a mount from nowhere",
  },
  {
    send: ["PATCH", `${upload}00000000-0000-0000-0000-000000000000`, { body: "x" }],
    is: { status: 404 },
    why: "no such upload",
  },
  { send: ["PATCH", `${upload}..`, { body: "x" }], is: { status: 405 }, why: "an upload that is a path" },
];
for (const { send, is, why } of cases)
  test(`${send[0]} ${send[1].slice(0, 60)}: ${why}`, async () => {
    await using directory = await temporaryDirectory();
    await using server = await stocked(directory.path);
    const answer = await ask(server, ...send);
    expect(answer).toMatchObject(is);
    if (answer.status >= 400 && answer.status !== 416 && send[0] !== "HEAD")
      expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{ code: expect.any(String) }] });
  });

test("an upload step by step, out of step, and cancelled", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  const digest = sha256(Buffer.from("abcdef"));
  const start = await ask(server, "POST", upload);
  const location = String(start.headers.location);
  expect(await ask(server, "PATCH", location, { body: "abc", headers: { "content-range": "0-2" } })).toMatchObject({
    status: 202,
    headers: { range: "0-2" },
  });
  expect(await ask(server, "PATCH", location, { body: "x", headers: { "content-range": "9-9" } })).toMatchObject({
    status: 416,
    headers: { range: "0-2" },
  });
  expect(await ask(server, "GET", location)).toMatchObject({ status: 204, headers: { range: "0-2" } });
  expect(await ask(server, "GET", location.replace("/app/", "/other/"))).toMatchObject({ status: 404 });
  expect(
    await ask(server, "PUT", `${location}?digest=${digest}`, { body: "def", headers: { "content-range": "3-5" } }),
  ).toMatchObject({ status: 201 });
  expect(await ask(server, "GET", `/v2/app/blobs/${digest}`)).toMatchObject({
    status: 200,
    body: Buffer.from("abcdef"),
  });

  const other = String((await ask(server, "POST", upload)).headers.location);
  expect(await ask(server, "DELETE", other)).toMatchObject({ status: 204 });
  expect(await ask(server, "PATCH", other, { body: "x" })).toMatchObject({ status: 404 });
  expect(await readdir(join(directory.path, "uploads"))).toEqual([]);
});

test("what a crash left is removed, and a strange index.json is kept as it is", async () => {
  await using directory = await temporaryDirectory();
  await (await stocked(directory.path)).close();
  await mkdir(join(directory.path, "uploads"), { recursive: true });
  await writeFile(join(directory.path, "uploads", "half"), "x");
  const path = join(directory.path, "index.json");
  const index = JSON.parse(await readFile(path, "utf8"));
  const strange = [
    {
      mediaType: mediaTypes.manifest,
      digest: `sha256:${"0".repeat(64)}`,
      size: 5,
      annotations: { "org.opencontainers.image.ref.name": "gone:1" },
    },
    { ...image.root, annotations: { "org.opencontainers.image.ref.name": "../../evil:1" } },
    { mediaType: "text/plain", digest: layer.digest, size: 1000 },
  ];
  await writeFile(path, JSON.stringify({ ...index, manifests: [...index.manifests, ...strange] }));
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host });
  expect(await collect(registry.tags({ repository: "app" }))).toEqual(["1"]);
  await registry.pushManifest({
    repository: "app",
    reference: "2",
    mediaType: image.root.mediaType,
    bytes: image.bytes.get(image.root.digest)!,
  });
  const after = JSON.parse(await readFile(path, "utf8"));
  expect(after.manifests).toEqual(expect.arrayContaining(strange));
  expect(after.manifests).toHaveLength(5);
  expect(await readdir(join(directory.path, "uploads"))).toEqual([]);
});

test("a hundred clients push at once and nothing is lost", async () => {
  await using directory = await temporaryDirectory();
  await using server = await openRegistryServer({ directory: directory.path });
  await using registry = openRegistry({ host: server.host });
  const images = Array.from({ length: 100 }, (_, seed) => makeImage({ seed: seed % 10, sizes: [2000] }));
  await Promise.all(
    images.map((it, number) =>
      collect(
        pushImage({
          registry,
          repository: `r${number % 5}`,
          reference: `t${number}`,
          root: it.root,
          source: memorySource(it.bytes),
        }),
      ),
    ),
  );
  const index = JSON.parse(await readFile(join(directory.path, "index.json"), "utf8"));
  expect(index.manifests).toHaveLength(100);
  expect(await readdir(join(directory.path, "blobs", "sha256"))).toHaveLength(30);
  expect(await readdir(join(directory.path, "uploads"))).toEqual([]);
});

test("no request makes it fail", async () => {
  await using directory = await temporaryDirectory();
  await using server = await stocked(directory.path);
  const part = fc.constantFrom(
    "v2",
    "app",
    "blobs",
    "uploads",
    "manifests",
    "tags",
    "list",
    "referrers",
    "..",
    "",
    "%2e",
    "%00",
    layer.digest,
    "1",
    "token",
  );
  const path = fc.array(fc.oneof(part, fc.webSegment()), { maxLength: 7 }).map((it) => `/${it.join("/")}`);
  const query = fc.oneof(
    fc.constant(""),
    fc.webQueryParameters().map((it) => `?${it}`),
    fc.constantFrom("?digest=x", "?mount=x&from=y", "?n=1&last=%ff"),
  );
  const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
  const header = fc.dictionary(
    fc.constantFrom("range", "content-range", "authorization", "content-type", "if-range"),
    fc.stringMatching(/^[ -~]{0,30}$/),
  );
  await fc.assert(
    fc.asyncProperty(method, path, query, header, async (verb, where, what, headers) => {
      const { status } = await ask(server, verb, `${where}${what}`, { headers, body: verb === "PUT" ? "{}" : "" });
      expect(status).toBeGreaterThanOrEqual(200);
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 500 },
  );
});
