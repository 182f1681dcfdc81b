// Images on registries as a user of the command line sees them.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mediaTypes } from "@ctr/oci";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Ctr, notRoot } from "./ctr.ts";

describe.skipIf(notRoot)(
  "ctr image copy, tags, referrers, inspect --remote, and transfers by tag and platform (needs root)",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "ctr-remote-"));
    const here = new Ctr(join(directory, "here"));
    const there = new Ctr(join(directory, "there"));
    let server: RegistryServer;
    let other: RegistryServer;
    let lines: string[] = [];
    /** In front of `server`, to see what is asked. */
    const front = createServer((request, response) => {
      lines.push(`${request.method} ${request.url}`);
      // Pages of fifty, as some registries have them.
      if (request.url?.endsWith("/tags/list")) request.url += "?n=50";
      server.handle(request, response);
    });
    let host: string;
    let layerDigest: string;
    beforeAll(async () => {
      server = await openRegistryServer({ directory: join(directory, "registry") });
      other = await openRegistryServer({ directory: join(directory, "other") });
      await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
      host = `127.0.0.1:${(front.address() as AddressInfo).port}`;
      await here.say("image", "from-host", "--tag", "busybox", "busybox");
      await here.say("tag", "busybox", `${host}/team/app:1`);
      await here.say("push", `${host}/team/app:1`);
      await makeIndex();
    });
    beforeEach(() => {
      lines = [];
    });
    afterAll(async () => {
      front.close();
      front.closeAllConnections();
      await server.close();
      await other.close();
      for (const ctr of [here, there]) await ctr.removeContainers();
      rmSync(directory, { recursive: true, force: true });
    });

    const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}` as never;

    /** `team/app:multi`: the image for amd64 and, with another config, for arm64. */
    async function makeIndex(): Promise<void> {
      await using registry = openRegistry({ host });
      const repository = "team/app";
      const one = await registry.resolve({ repository, reference: "1" });
      if (one.kind !== "manifest") throw new Error("no manifest");
      layerDigest = one.manifest.layers[0]!.digest;
      const chunks: Uint8Array[] = [];
      for await (const it of registry.fetchBlob({ repository, descriptor: one.manifest.config })) chunks.push(it);
      const config = Buffer.from(
        JSON.stringify({ ...JSON.parse(Buffer.concat(chunks).toString()), architecture: "arm64" }),
      );
      const descriptor = { ...one.manifest.config, digest: sha256(config), size: config.length };
      await registry.pushBlob({ repository, descriptor, source: { open: () => [config] } });
      const put = async (reference: string | undefined, document: object, mediaType: string) => {
        const bytes = Buffer.from(JSON.stringify(document));
        await registry.pushManifest({ repository, reference: reference ?? sha256(bytes), mediaType, bytes });
        return { mediaType, digest: sha256(bytes), size: bytes.length };
      };
      const arm = await put(undefined, { ...one.manifest, config: descriptor }, mediaTypes.manifest);
      const manifests = [
        { ...one.descriptor, platform: { os: "linux", architecture: "amd64" } },
        { ...arm, platform: { os: "linux", architecture: "arm64" } },
      ];
      const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
      const root = await put("multi", index, mediaTypes.index);
      const signature = { ...one.manifest, artifactType: "application/x.signature", subject: root };
      await put(undefined, signature, mediaTypes.manifest);
    }

    describe("image copy", () => {
      test("takes the image of this machine from one registry to another, its bytes as they are", async () => {
        const { status, stdout } = await here.call(["image", "copy", `${host}/team/app:1`, `${other.host}/copied/app`]);
        expect(status).toBe(0);
        expect(stdout).toMatch(/: Pushed\n[\s\S]* sent\nsha256:[0-9a-f]{64}\n$/);
        const raw = async (name: string): Promise<string> => here.say("image", "inspect", "--remote", "--raw", name);
        expect(await raw(`${other.host}/copied/app:1`)).toBe(await raw(`${host}/team/app:1`));
      });

      test("again it moves nothing", async () => {
        const { stdout } = await here.call(["image", "copy", `${host}/team/app:1`, `${other.host}/copied/app`]);
        expect(stdout).toMatch(/^0B sent\nsha256:/);
        expect(lines.filter((line) => line.includes("/blobs/"))).toEqual([]);
      });

      test("--all takes the whole index", async () => {
        await here.say("image", "copy", "-q", "--all", `${host}/team/app:multi`, `${other.host}/copied/app:multi`);
        const document = JSON.parse(
          await here.say("image", "inspect", "--remote", "--raw", `${other.host}/copied/app:multi`),
        );
        expect(document).toMatchObject({ mediaType: mediaTypes.index, manifests: [{}, {}] });
      });

      test("inside one registry blobs are mounted", async () => {
        const done = await here.call(["image", "copy", `${host}/team/app:1`, `${host}/elsewhere/app:1`]);
        expect(done.stdout).toContain(": Mounted from team/app\n");
        expect(lines.filter((line) => /^(PUT|PATCH) .*uploads/.test(line))).toEqual([]);
      });

      test("of what is not there says so and leaves nothing", async () => {
        const done = await here.call(["image", "copy", `${host}/team/none:1`, `${other.host}/left/over:1`]);
        expect(done).toMatchObject({ status: 1, stdout: "" });
        expect(done.stderr).toMatch(/^ctr: 127\.0\.0\.1:\d+: manifest team\/none:1: not found/);
        expect((await here.call(["image", "tags", `${other.host}/left/over`])).status).toBe(1);
      });
    });

    describe("image tags", () => {
      test("lists more than fit on a page, each once", async () => {
        await using registry = openRegistry({ host });
        const { bytes, descriptor } = await registry.resolve({ repository: "team/app", reference: "1" });
        await here.say("image", "copy", `${host}/team/app:1`, `${host}/many/tags:t0000`);
        for (let number = 1; number < 120; number++)
          await registry.pushManifest({
            repository: "many/tags",
            reference: `t${String(number).padStart(4, "0")}`,
            mediaType: descriptor.mediaType,
            bytes,
          });
        lines = [];
        const tags = (await here.say("image", "tags", `${host}/many/tags`)).split("\n");
        expect(tags).toHaveLength(120);
        expect(new Set(tags).size).toBe(120);
        expect(lines).toHaveLength(3);
      });
    });

    describe("image inspect --remote", () => {
      test("shows an image without pulling it", async () => {
        const [document] = JSON.parse(await there.say("image", "inspect", "--remote", `${host}/team/app:multi`));
        expect(document).toMatchObject({
          Name: `${host}/team/app:multi`,
          Architecture: "amd64",
          Os: "linux",
          Platforms: ["linux/amd64", "linux/arm64"],
          MediaType: mediaTypes.index,
        });
        expect(document.Layers[0].Digest).toBe(layerDigest);
        expect(document.Size).toBeGreaterThan(100_000);
        expect(await there.say("images", "-q")).toBe("");
        expect(lines.filter((line) => line.includes(layerDigest))).toEqual([]);
      });

      test("for another platform, by a template", async () => {
        const args = ["image", "inspect", "--remote", "--platform", "linux/arm64", "-f", "{{.Architecture}}"];
        expect(await there.say(...args, `${host}/team/app:multi`)).toBe("arm64");
        const none = await there.call([...args.with(4, "linux/riscv64"), `${host}/team/app:multi`]);
        expect(none).toMatchObject({ status: 1 });
        expect(none.stderr).toMatch(/nothing for linux\/riscv64; there are linux\/amd64, linux\/arm64/);
      });
    });

    test("image referrers lists signatures", async () => {
      const out = await there.say("image", "referrers", `${host}/team/app:multi`);
      expect(out).toMatch(/^DIGEST {2,}ARTIFACT TYPE {2,}SIZE\nsha256:[0-9a-f]{64} {3}application\/x\.signature {3}/);
      const filtered = ["image", "referrers", "--artifact-type", "application/x.other", "--format", "{{.Digest}}"];
      expect(await there.say(...filtered, `${host}/team/app:multi`)).toBe("");
    });

    describe("by platform, tag and digest", () => {
      test("an index that is here in part is pushed as the image that is here, and says so", async () => {
        await there.say("pull", "-q", `${host}/team/app:multi`);
        await there.say("tag", `${host}/team/app:multi`, `${other.host}/part/app:1`);
        const done = await there.call(["push", `${other.host}/part/app:1`]);
        expect(done.status).toBe(0);
        expect(done.stderr).toMatch(
          /^ctr: not all platforms of sha256:\w+ are here; only the image sha256:\w+ is pushed\n$/,
        );
      });

      test("with all platforms pulled, it goes whole", async () => {
        await there.say("pull", "-q", "--platform", "linux/arm64", `${host}/team/app:multi`);
        await there.say("tag", `${host}/team/app:multi`, `${other.host}/whole/app:1`);
        await there.say("push", "-q", `${other.host}/whole/app:1`);
        const raw = await there.say("image", "inspect", "--remote", "--raw", `${other.host}/whole/app:1`);
        expect(raw).toBe(await there.say("image", "inspect", "--remote", "--raw", `${host}/team/app:multi`));
      });

      test("a platform that is not there is named, and so are those that are", async () => {
        const done = await there.call(["pull", "--platform", "linux/s390x", `${host}/team/app:multi`]);
        expect(done.status).toBe(1);
        expect(done.stderr).toMatch(/nothing for linux\/s390x; there are linux\/amd64, linux\/arm64\n$/);
        expect((await there.call(["pull", "--platform", "a/b/c/d", `${host}/team/app:multi`])).stderr).toMatch(
          /invalid platform "a\/b\/c\/d"/,
        );
      });

      test("all tags are pulled, and pushed", async () => {
        const name = `${host}/team/app`;
        const out = await there.say("pull", "-a", name);
        for (const tag of ["1", "multi"]) expect(out).toContain(`${tag}: Pulling from team/app\n`);
        await there.say("tag", `${name}:1`, `${other.host}/all/app:a`);
        await there.say("tag", `${name}:1`, `${other.host}/all/app:b`);
        await there.say("push", "-a", "-q", `${other.host}/all/app`);
        expect(await there.say("image", "tags", `${other.host}/all/app`)).toBe("a\nb");
        expect(await there.call(["pull", "-a", `${name}:1`])).toMatchObject({
          status: 1,
          stderr: "ctr: tag can't be used with --all-tags/-a\n",
        });
        expect((await there.call(["push", "-a", `${other.host}/no/such`])).stderr).toMatch(
          /^ctr: An image does not exist locally with the tag: /,
        );
      });

      test("a digest is a name too", async () => {
        const [{ Manifest: digest }] = JSON.parse(
          await there.say("image", "inspect", "--remote", `${host}/team/app:1`),
        );
        const name = `${host}/team/app@${digest}`;
        expect((await there.say("pull", name)).split("\n").at(-1)).toBe(name);
        expect(await there.say("run", "--rm", "--network", "none", name, "echo", "by digest")).toBe("by digest");
        const push = await there.call(["push", name]);
        expect(push).toMatchObject({ status: 1 });
        expect(push.stderr).toMatch(/^ctr: cannot push a digest reference/);
      });
    });

    test("a push to another repository of the registry mounts what was pushed before", async () => {
      await here.say("tag", "busybox", `${host}/mounted/app:1`);
      lines = [];
      expect(await here.say("push", `${host}/mounted/app:1`)).toMatch(/: Mounted from \S+\n/);
      expect(lines.filter((line) => /^(PUT|PATCH) .*uploads/.test(line))).toEqual([]);
    });
  },
);
