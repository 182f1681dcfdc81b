// The same against programs of others: docker-registry as the server, skopeo as the client.
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { copyImage, openRegistry, pushImage } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { describe, expect, test } from "vitest";
import {
  add,
  amd64,
  collect,
  MemorySink,
  makeImage,
  makeIndex,
  memorySource,
  noise,
  pullInto,
  sha256,
  temporaryDirectory,
} from "./images.ts";
import { makeCertificate, missing, run, startDockerRegistry } from "./real-registry.ts";
import { countRequests } from "./request-log.ts";

const noRegistry = missing("docker-registry");
const noSkopeo = missing("skopeo");
const noOpenssl = missing("openssl");
const image = makeImage({ seed: 7, sizes: [300_000, 50_000] });

describe.skipIf(noRegistry)(`docker-registry${noRegistry ? `: ${noRegistry}` : ""}`, () => {
  test("push, pull, mount, tags, copy", async () => {
    await using directory = await temporaryDirectory();
    await using docker = await startDockerRegistry(directory.path);
    await using registry = openRegistry({ host: docker.host });
    const root = makeIndex([{ ...image, platform: amd64 }]);
    const push = { registry, root: root.root, origins: () => ["app"] };
    const source = memorySource(root.bytes);
    await collect(pushImage({ ...push, repository: "app", reference: "1", source }));
    source.opened.length = 0;
    const again = await collect(pushImage({ ...push, repository: "app", reference: "1", source }));
    expect(again.map((it) => it.kind)).toEqual(["present", "done"]);
    expect(source.opened).toEqual([]);
    const mounted = await collect(pushImage({ ...push, repository: "b/other", reference: "2", source }));
    expect(mounted.map((it) => it.kind)).toEqual(["mounted", "mounted", "mounted", "sent", "sent", "done"]);

    const sink = new MemorySink();
    const done = await pullInto(sink, { registry, repository: "b/other", reference: "2" });
    expect(done.root).toEqual(root.root);
    expect([...sink.kept.keys()].toSorted()).toEqual([...root.bytes.keys()].toSorted());
    for (const reference of ["b", "a", "c"])
      await collect(pushImage({ ...push, repository: "app", reference, source }));
    expect((await collect(registry.tags({ repository: "app", pageSize: 2 }))).toSorted()).toEqual(["1", "a", "b", "c"]);
    // This version has no referrers: the fallback tag is read.
    expect(await collect(registry.referrers({ repository: "app", digest: root.root.digest }))).toEqual([]);

    await using other = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: other.path });
    await using to = openRegistry({ host: server.host });
    await collect(
      copyImage({
        from: { registry, repository: "app", reference: "1" },
        to: { registry: to, repository: "app", reference: "1" },
      }),
    );
    await collect(
      copyImage({
        from: { registry: to, repository: "app", reference: "1" },
        to: { registry, repository: "back", reference: "1" },
      }),
    );
    expect((await registry.head({ repository: "back", reference: "1" }))?.digest).toBe(root.root.digest);
  });

  test("chunked upload, resumed", async () => {
    await using directory = await temporaryDirectory();
    await using docker = await startDockerRegistry(directory.path);
    await using registry = openRegistry({ host: docker.host, retry: { firstDelayMillis: 1 } });
    const bytes = noise(3, 1_000_000);
    const descriptor = { digest: sha256(bytes), size: bytes.length, mediaType: mediaTypes.layer };
    const source = memorySource(new Map([[descriptor.digest, bytes]]));
    expect(await registry.pushBlob({ repository: "app", descriptor, source, chunkBytes: 300_000 })).toEqual({
      how: "sent",
    });
    expect(Buffer.concat(await collect(registry.fetchBlob({ repository: "app", descriptor }))).equals(bytes)).toBe(
      true,
    );
  });

  test("with a password", async () => {
    await using directory = await temporaryDirectory();
    await using docker = await startDockerRegistry(directory.path, { hasAuth: true });
    const push = { repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) };
    await using registry = openRegistry({ host: docker.host, credentials: { username: "ann", password: "secret" } });
    await registry.ping();
    await collect(pushImage({ ...push, registry }));
    await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" });
    for (const credentials of [undefined, { username: "ann", password: "wrong" }]) {
      await using denied = openRegistry({ host: docker.host, credentials });
      await expect(denied.resolve({ repository: "app", reference: "1" })).rejects.toMatchObject({
        code: "ERR_REGISTRY_DENIED",
        status: 401,
      });
      await expect(collect(pushImage({ ...push, registry: denied, reference: "2" }))).rejects.toMatchObject({
        code: "ERR_REGISTRY_DENIED",
      });
    }
  });

  test.skipIf(noOpenssl)("over TLS", async () => {
    await using directory = await temporaryDirectory();
    const certificate = await makeCertificate(directory.path, "server");
    await using docker = await startDockerRegistry(directory.path, { hasAuth: true, certificate });
    const o = { host: docker.host, scheme: "https" as const, credentials: { username: "ann", password: "secret" } };
    for (const trust of [{ ca: certificate.cert }, { insecure: true }]) {
      await using registry = openRegistry({ ...o, ...trust });
      await collect(
        pushImage({ registry, repository: "app", reference: "1", root: image.root, source: memorySource(image.bytes) }),
      );
      await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" });
    }
    await using distrustful = openRegistry(o);
    await expect(distrustful.ping()).rejects.toMatchObject({ code: "ERR_REGISTRY_CONNECTION", message: /certificate/ });
    await using plain = openRegistry({ ...o, scheme: "http" });
    await expect(plain.ping()).rejects.toMatchObject({ code: "ERR_REGISTRY_STATUS" });
  });
});

test.skipIf(noOpenssl)("a client certificate is shown to the registry and to nobody else", async () => {
  await using directory = await temporaryDirectory();
  const own = await makeCertificate(directory.path, "server");
  const client = await makeCertificate(directory.path, "client");
  await using server = await openRegistryServer({ directory: join(directory.path, "store") });
  const seen: string[] = [];
  const start = async (name: string, redirect?: string) => {
    const tls = { cert: own.cert, key: own.key, ca: client.cert, requestCert: true, rejectUnauthorized: false };
    const listener = createTlsServer(tls, (request, response) => {
      const peer = (request.socket as import("node:tls").TLSSocket).getPeerCertificate();
      seen.push(`${name} ${peer.subject?.CN ?? "nobody"}`);
      if (redirect !== undefined && request.url?.includes("blobs"))
        response.writeHead(307, { location: redirect }).end();
      else server.handle(request, response);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return { listener, host: `127.0.0.1:${(listener.address() as AddressInfo).port}` };
  };
  const b = await start("b");
  const a = await start("a", `https://${b.host}/v2/`);
  try {
    await using registry = openRegistry({ host: a.host, scheme: "https", ca: own.cert, clientCertificate: client });
    await registry.ping();
    await registry.hasBlob({ repository: "app", descriptor: image.config });
    expect(seen).toEqual(["a client", "a client", "b nobody"]);
  } finally {
    for (const { listener } of [a, b]) {
      listener.close();
      listener.closeAllConnections();
    }
  }
});

test.skipIf(noOpenssl)("a redirect from HTTPS to plain HTTP is not followed", async () => {
  await using directory = await temporaryDirectory();
  const own = await makeCertificate(directory.path, "server");
  await using plain = await countRequests((_, response) => response.end());
  const secure = createTlsServer(own, (_, response) =>
    response.writeHead(307, { location: `http://${plain.host}/` }).end(),
  );
  await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
  try {
    const host = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
    await using registry = openRegistry({ host, scheme: "https", ca: own.cert });
    await expect(collect(registry.fetchBlob({ repository: "app", descriptor: image.config }))).rejects.toMatchObject({
      code: "ERR_REGISTRY_REDIRECT",
    });
    const source = memorySource(image.bytes);
    await expect(registry.pushBlob({ repository: "app", descriptor: image.config, source })).rejects.toMatchObject({
      code: "ERR_REGISTRY_REDIRECT",
    });
    expect(plain.lines()).toEqual([]);
  } finally {
    secure.close();
    secure.closeAllConnections();
  }
});

describe.skipIf(noSkopeo)(`skopeo${noSkopeo ? `: ${noSkopeo}` : ""}`, () => {
  for (const kind of [undefined, "basic", "bearer"] as const)
    test(`pushes, inspects and pulls from our server, ${kind ?? "without"} authorization`, async () => {
      await using directory = await temporaryDirectory();
      const access = kind === undefined ? undefined : { kind, users: new Map([["ann", "secret"]]) };
      await using server = await openRegistryServer({ directory: join(directory.path, "store"), access });
      await using registry = openRegistry({ host: server.host, credentials: { username: "ann", password: "secret" } });
      const root = makeIndex([{ ...image, platform: amd64 }]);
      await collect(
        pushImage({ registry, repository: "app", reference: "1", root: root.root, source: memorySource(root.bytes) }),
      );

      const skopeo = (...words: string[]) =>
        run("skopeo", ["--insecure-policy", ...words, ...(words[0] === "copy" ? ["--preserve-digests"] : [])], {
          env: { ...process.env, XDG_RUNTIME_DIR: directory.path },
        });
      const creds = (flag: string) => (kind === undefined ? [] : [flag, "ann:secret"]);
      const layout = join(directory.path, "copy");
      await skopeo(
        "copy",
        "--all",
        "--src-tls-verify=false",
        ...creds("--src-creds"),
        `docker://${server.host}/app:1`,
        `oci:${layout}:1`,
      );
      await skopeo(
        "copy",
        "--all",
        "--dest-tls-verify=false",
        ...creds("--dest-creds"),
        `oci:${layout}:1`,
        `docker://${server.host}/back/app:2`,
      );
      const { stdout } = await skopeo(
        "inspect",
        "--raw",
        "--tls-verify=false",
        ...creds("--creds"),
        `docker://${server.host}/back/app:2`,
      );
      expect(sha256(Buffer.from(stdout))).toBe(root.root.digest);
      const tags = await skopeo(
        "list-tags",
        "--tls-verify=false",
        ...creds("--creds"),
        `docker://${server.host}/back/app`,
      );
      expect(JSON.parse(tags.stdout)).toMatchObject({ Tags: ["2"] });
      const sink = new MemorySink();
      await pullInto(sink, { registry, repository: "back/app", reference: "2" });
      expect(sink.kept.size).toBe(root.bytes.size);
    });

  test("opens the directory of our server, and we serve one of its making", async () => {
    await using directory = await temporaryDirectory();
    const store = join(directory.path, "store");
    {
      await using server = await openRegistryServer({ directory: store });
      await using registry = openRegistry({ host: server.host });
      await collect(
        pushImage({
          registry,
          repository: "a/app",
          reference: "1",
          root: image.root,
          source: memorySource(image.bytes),
        }),
      );
    }
    const made = join(directory.path, "made");
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "--preserve-digests",
      `oci:${store}:a/app:1`,
      `oci:${made}:x/y:2`,
    ]);
    await using server = await openRegistryServer({ directory: made, readOnly: true });
    await using registry = openRegistry({ host: server.host });
    expect((await pullInto(new MemorySink(), { registry, repository: "x/y", reference: "2" })).root.digest).toBe(
      image.root.digest,
    );
  });

  test("Docker's media types go both ways", async () => {
    await using directory = await temporaryDirectory();
    await using server = await openRegistryServer({ directory: directory.path });
    await using registry = openRegistry({ host: server.host });
    const bytes = new Map(image.bytes);
    const layers = image.layers.map((it) => ({ ...it, mediaType: mediaTypes.dockerLayer }));
    const config = { ...image.config, mediaType: mediaTypes.dockerConfig };
    const root = add(bytes, mediaTypes.dockerManifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config,
      layers,
    });
    await collect(pushImage({ registry, repository: "app", reference: "1", root, source: memorySource(bytes) }));
    const raw = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${server.host}/app:1`]);
    expect(sha256(Buffer.from(raw.stdout))).toBe(root.digest);
    expect((await pullInto(new MemorySink(), { registry, repository: "app", reference: "1" })).root).toEqual(root);
  });
});
