// What a push sends, and what it does not have to.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes, type Platform } from "@ctr/oci";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type EnginePushEvent, openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

const arm64: Platform = { os: "linux", architecture: "arm64" };
const amd64: Platform = { os: "linux", architecture: "amd64" };

describe.skipIf(notRoot)("push (needs root)", () => {
  const { engine } = temporaryEngine();
  const directory = mkdtempSync(join(tmpdir(), "ctr-push-"));
  const elsewhere = openEngine({ root: join(directory, "elsewhere") });
  let server: RegistryServer;
  let host: string;
  let lines: string[] = [];
  const front = createServer((request, response) => {
    lines.push(`${request.method} ${request.url}`);
    server.handle(request, response);
  });
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(front.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    lines = [];
  });
  afterAll(async () => {
    front.close();
    front.closeAllConnections();
    await server.close();
    elsewhere.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function push(name: string, o: { engine?: typeof engine; platform?: Platform } = {}) {
    const { engine: from = engine, ...rest } = o;
    const events: EnginePushEvent[] = [];
    for await (const event of from.images.push({ reference: name, ...rest })) events.push(event);
    return events;
  }

  async function pull(into: typeof engine, name: string, platform?: Platform): Promise<void> {
    for await (const _ of into.images.pull({ reference: name, ...(platform === undefined ? {} : { platform }) }));
  }

  const uploads = (): string[] => lines.filter((line) => /^(PUT|PATCH) .*uploads/.test(line));
  const mounts = (): string[] => lines.filter((line) => /^POST .*mount=/.test(line));

  test("what was pushed to one repository is mounted into the next, and no blob is sent", async () => {
    for (const name of ["team/a", "team/b"]) engine.images.tag("busybox", `${host}/${name}:1`);
    await push(`${host}/team/a:1`);
    expect(uploads().length).toBeGreaterThan(0);
    lines = [];
    const events = await push(`${host}/team/b:1`);
    expect(uploads()).toEqual([]);
    expect(mounts().length).toBeGreaterThan(0);
    expect(mounts().every((line) => line.includes("from=team%2Fa"))).toBe(true);
    const sent = events.at(-1);
    // The manifest alone.
    expect(sent).toMatchObject({ kind: "done" });
    expect(sent?.kind === "done" && sent.sentBytes === sent.root.size).toBe(true);
  });

  test("so is what was pulled from one", async () => {
    await pull(elsewhere, `${host}/team/a:1`);
    elsewhere.images.tag(`${host}/team/a:1`, `${host}/from/pulled:1`);
    await push(`${host}/from/pulled:1`, { engine: elsewhere });
    expect(uploads()).toEqual([]);
    expect(mounts().length).toBeGreaterThan(0);
  });

  test("an origin that is gone costs a question, and the bytes go out", async () => {
    await using registry = openRegistry({ host });
    const { variants } = engine.images.resolve("busybox").image;
    for (const repository of ["team/a", "team/b", "from/pulled"])
      await registry.deleteManifest({ repository, reference: variants[0]!.manifest.digest });
    const other = await openRegistryServer({ directory: join(directory, "registry-2") });
    const before = server;
    server = other;
    engine.images.tag("busybox", `${host}/team/c:1`);
    lines = [];
    await push(`${host}/team/c:1`);
    expect(uploads().length).toBeGreaterThan(0);
    await other.close();
    server = before;
  });

  test("another host is not asked for a mount", async () => {
    const name = `${server.host}/other/host:1`;
    engine.images.tag("busybox", name);
    for await (const event of engine.images.push({ reference: name })) expect(event.kind).not.toBe("mounted");
  });

  describe("an index", () => {
    let index: Awaited<ReturnType<typeof makeIndex>>;

    /** On the registry, as `multi/app:1`: the same image under two platforms. */
    async function makeIndex() {
      await using registry = openRegistry({ host });
      engine.images.tag("busybox", `${host}/multi/app:one`);
      await push(`${host}/multi/app:one`);
      const one = await registry.resolve({ repository: "multi/app", reference: "one" });
      if (one.kind !== "manifest") throw new Error("no manifest");
      const chunks: Uint8Array[] = [];
      for await (const chunk of registry.fetchBlob({ repository: "multi/app", descriptor: one.manifest.config }))
        chunks.push(chunk);
      const config = { ...JSON.parse(Buffer.concat(chunks).toString()), architecture: "arm64" };
      const bytes = Buffer.from(JSON.stringify(config));
      const { createHash } = await import("node:crypto");
      const sha256 = (it: Uint8Array) => `sha256:${createHash("sha256").update(it).digest("hex")}` as never;
      const other = { mediaType: one.manifest.config.mediaType, digest: sha256(bytes), size: bytes.length };
      await registry.pushBlob({ repository: "multi/app", descriptor: other, source: { open: () => [bytes] } });
      const put = async (
        reference: string | undefined,
        document: { readonly mediaType: string; readonly [key: string]: unknown },
      ) => {
        const text = Buffer.from(JSON.stringify(document));
        const digest = sha256(text) as string;
        await registry.pushManifest({
          repository: "multi/app",
          reference: reference ?? digest,
          mediaType: document.mediaType,
          bytes: text,
        });
        return { mediaType: document.mediaType, digest, size: text.length };
      };
      const second = await put(undefined, { ...one.manifest, mediaType: mediaTypes.manifest, config: other });
      const { mediaType, digest, size } = one.descriptor;
      const manifests = [
        { mediaType, digest, size, platform: amd64 },
        { ...second, platform: arm64 },
      ];
      return put("1", { schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    }
    beforeAll(async () => {
      index = await makeIndex();
    });

    test("with one platform here goes as that platform's image, and says so", async () => {
      const name = `${host}/multi/app:1`;
      await pull(elsewhere, name);
      elsewhere.images.tag(name, `${host}/narrow/app:1`);
      const events = await push(`${host}/narrow/app:1`, { engine: elsewhere });
      expect(events[0]).toMatchObject({ kind: "narrowed", index: { digest: index.digest } });
      await using registry = openRegistry({ host });
      const there = await registry.resolve({ repository: "narrow/app", reference: "1" });
      expect(there.kind).toBe("manifest");
    });

    test("goes whole when all its platforms are here", async () => {
      const name = `${host}/multi/app:1`;
      await pull(elsewhere, name, arm64);
      expect(elsewhere.images.resolve(name).image.variants).toHaveLength(2);
      elsewhere.images.tag(name, `${host}/whole/app:1`);
      await push(`${host}/whole/app:1`, { engine: elsewhere });
      await using registry = openRegistry({ host });
      const there = await registry.resolve({ repository: "whole/app", reference: "1" });
      expect(there.descriptor.digest).toBe(index.digest);
    });

    test("goes as one platform on request, and not as one that it lacks", async () => {
      elsewhere.images.tag(`${host}/multi/app:1`, `${host}/picked/app:1`);
      await push(`${host}/picked/app:1`, { engine: elsewhere, platform: arm64 });
      await using registry = openRegistry({ host });
      const there = await registry.resolve({ repository: "picked/app", reference: "1" });
      expect(there.kind).toBe("manifest");
      const riscv = { os: "linux", architecture: "riscv64" };
      await expect(push(`${host}/picked/app:1`, { engine: elsewhere, platform: riscv })).rejects.toMatchObject({
        code: "ERR_ENGINE_PLATFORM",
        message: /nothing for linux\/riscv64 is here, only linux\/amd64, linux\/arm64/,
      });
    });
  });

  test("a digest is no place to push to", async () => {
    const { digest } = engine.images.resolve("busybox").image.target;
    await expect(push(`busybox@${digest}`)).rejects.toMatchObject({ code: "ERR_ENGINE_OPTION" });
  });

  test("an image for one platform is not taken for another", async () => {
    await using registry = openRegistry({ host });
    await registry.resolve({ repository: "multi/app", reference: "one" });
    await expect(pull(elsewhere, `${host}/multi/app:one`, arm64)).rejects.toMatchObject({
      code: "ERR_REGISTRY_PLATFORM",
      message: /nothing for linux\/arm64; it is an image for linux\/amd64 only/,
    });
    expect(() => elsewhere.images.resolve(`${host}/multi/app:one`)).toThrow();
  });

  test("an image by its digest is pulled under that name", async () => {
    const { digest } = engine.images.resolve("busybox").image.variants[0]!.manifest;
    await pull(elsewhere, `${host}/multi/app@${digest}`);
    expect(elsewhere.images.resolve(`${host}/multi/app@${digest}`).variant.manifest.digest).toBe(digest);
    await expect(pull(elsewhere, `${host}/multi/app@sha256:${"0".repeat(64)}`)).rejects.toMatchObject({
      code: "ERR_REGISTRY_NOT_FOUND",
    });
  });
});
