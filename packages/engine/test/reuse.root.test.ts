import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Engine, openEngine, type StoreReuse, type Transfer } from "../src/index.ts";
import { notRoot } from "./temporary-engine.ts";

/** Stands between a client and a registry, and counts the bytes of bodies. */
class CountingProxy {
  received = 0;
  sent = 0;
  readonly #server: Server;

  constructor(upstream: string) {
    this.#server = createServer((from, to) => {
      const { method, url: path, headers } = from;
      const onward = request(`http://${upstream}`, { method, path, headers }, (answer) => {
        to.writeHead(answer.statusCode!, answer.headers);
        answer.on("data", (chunk: Buffer) => (this.received += answer.statusCode! < 300 ? chunk.length : 0));
        answer.pipe(to);
      });
      from.on("data", (chunk: Buffer) => (this.sent += chunk.length));
      from.pipe(onward);
    });
  }

  /** `127.0.0.1:41231` */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

async function finish(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

describe.skipIf(notRoot)("reuse and compare (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-engine-reuse-"));
  const here = openEngine({ root: join(directory, "here") });
  const there = openEngine({ root: join(directory, "there") });
  let server: RegistryServer;
  let proxy: CountingProxy;
  let host: string;

  /** An image on busybox, one layer for each text. */
  async function build(engine: Engine, tag: string, ...texts: string[]): Promise<void> {
    const context = mkdtempSync(join(directory, "context-"));
    for (const [index, text] of texts.entries()) writeFileSync(join(context, `f${index}`), text);
    const lines = texts.map((_, index) => `COPY f${index} /app/f${index}\n`);
    writeFileSync(join(context, "Dockerfile"), `FROM busybox\n${lines.join("")}`);
    await finish(engine.build({ context, tags: [tag] }));
  }

  async function transferOf(engine: Engine, image: string): Promise<Transfer> {
    const { transfers } = await engine.images.reuse({ images: [image] });
    return transfers[0]!;
  }

  beforeAll(async () => {
    await here.images.fromHost({ programs: ["busybox"], tags: ["busybox"] });
    server = await openRegistryServer({ directory: join(directory, "registry") });
    proxy = new CountingProxy(server.host);
    host = await proxy.open();
    await build(here, `${host}/app:1`, "a".repeat(5000), "one");
    await build(here, `${host}/app:2`, "a".repeat(5000), "two");
  });
  afterAll(async () => {
    proxy.close();
    await server[Symbol.asyncDispose]();
    here.close();
    there.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test("a build notes what it made and what was there", async () => {
    const [one, two] = [await transferOf(here, `${host}/app:1`), await transferOf(here, `${host}/app:2`)];
    expect([one.kind, two.kind]).toEqual(["build", "build"]);
    expect(one.blobs.filter(({ moved }) => moved)).toHaveLength(4); // two layers, config and manifest
    expect(two.blobs.filter(({ moved }) => moved)).toHaveLength(3); // the second layer only
    const { images } = await here.images.reuse({ images: [`${host}/app:2`] });
    expect(two.movedBytes + two.reusedBytes).toBe(images[0]!.blobs.total);
  });

  test("a push's numbers are those of the sockets; the second image sends its own layer only", async () => {
    for (const tag of ["1", "2"]) {
      const reference = `${host}/app:${tag}`;
      const before = proxy.sent;
      await finish(here.images.push({ reference }));
      const transfer = await transferOf(here, reference);
      expect(transfer).toMatchObject({ kind: "push", reference, movedBytes: proxy.sent - before });
      const { images } = await here.images.reuse({ images: [reference] });
      expect(transfer.movedBytes + transfer.reusedBytes).toBe(images[0]!.blobs.total);
    }
    expect((await transferOf(here, `${host}/app:2`)).blobs.filter(({ moved }) => moved)).toHaveLength(3);
  });

  test("a push of what is there moves nothing, and says what it would have been", async () => {
    const reference = `${host}/app:2`;
    await finish(here.images.push({ reference }));
    const { images } = await here.images.reuse({ images: [reference] });
    expect(await transferOf(here, reference)).toMatchObject({ movedBytes: 0, reusedBytes: images[0]!.blobs.total });
  });

  test("a pull's numbers are those of the sockets; the second image fetches its own layer only", async () => {
    for (const [index, tag] of ["1", "2"].entries()) {
      const reference = `${host}/app:${tag}`;
      const before = proxy.received;
      await finish(there.images.pull({ reference }));
      const transfer = await transferOf(there, reference);
      expect(transfer).toMatchObject({ kind: "pull", movedBytes: proxy.received - before });
      const report = await there.images.reuse({ images: [reference] });
      expect(transfer.movedBytes + transfer.reusedBytes).toBe(report.images[0]!.blobs.total);
      if (index === 1) expect(transfer.movedBytes).toBe(report.images[0]!.blobs.unique);
    }
  });

  test("a pull that finds the image unchanged is no news", async () => {
    const reference = `${host}/app:2`;
    const before = await transferOf(there, reference);
    await finish(there.images.pull({ reference }));
    expect(await transferOf(there, reference)).toEqual(before);
  });

  test("a load notes which blobs it had to write", async () => {
    using elsewhere = openEngine({ root: join(directory, "elsewhere") });
    const [one, two] = [`${host}/app:1`, `${host}/app:2`];
    for (const image of [one, two])
      await finish(elsewhere.images.load({ archive: here.images.save({ images: [image] }) }));
    const [first, second] = [await transferOf(elsewhere, one), await transferOf(elsewhere, two)];
    expect(first).toMatchObject({ kind: "load", reusedBytes: 0 });
    expect(second.blobs.filter(({ moved }) => moved)).toHaveLength(3);
  });

  test("only the last 100 transfers are kept", async () => {
    for (let count = 0; count < 101; count++) await build(here, `${host}/app:2`, "a".repeat(5000), "two");
    expect((await here.images.reuse()).transfers.map(({ reference }) => reference)).toEqual([`${host}/app:2`]);
  });

  test("totals are du's and the layout's", async () => {
    const { host: all }: StoreReuse = await there.images.reuse();
    const overlay = join(there.root, "overlay2");
    const diffs = readdirSync(overlay)
      .filter((name) => name !== "l")
      .map((name) => join(overlay, name, "diff"));
    const du = execFileSync("du", ["-s", "-c", "--block-size=1", ...diffs], { encoding: "utf8" });
    expect(all.disk.stored).toBe(Number.parseInt(du.trim().split("\n").at(-1)!, 10));
    const blobs = join(there.root, "images/blobs/sha256");
    const sizes = readdirSync(blobs).map((name) => statSync(join(blobs, name)).size);
    expect(all.blobs.stored).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  test("against one image: what the others hold does not count", async () => {
    const images = [`${host}/app:2`];
    const [busybox, all] = [
      await here.images.reuse({ images, against: ["busybox"] }),
      await here.images.reuse({ images }),
    ];
    expect(busybox.images[0]!.blobs.shared).toBeLessThan(all.images[0]!.blobs.shared);
    const nothing = await here.images.reuse({ images, against: [] });
    expect(nothing.images[0]!.blobs.shared).toBe(0);
  });

  test("a layer says which command made it", async () => {
    const { layers } = await here.images.reuse({ images: [`${host}/app:1`] });
    expect(layers.at(-1)!.createdBy).toContain("COPY f1 /app/f1");
  });

  const compared = [
    { before: "app:1", after: "app:2", is: ["/app/f1"], why: "two images on one base" },
    { before: "app:1~1", after: "app:1", is: ["/app/f1"], why: "what the newest layer did" },
    { before: "app:1~2", after: "app:2~1", is: ["/app", "/app/f0"], why: "the same below, whatever the name" },
    { before: "app:1", after: "app:1", is: [], why: "an image and itself" },
  ] as const;
  for (const { before, after, is, why } of compared)
    test(`${before} and ${after}: ${why}`, async () => {
      const paths: string[] = [];
      for await (const change of here.images.compare({ before: `${host}/${before}`, after: `${host}/${after}` }))
        if (!change.differs.every((aspect) => aspect === "time") || change.kind !== "changed") paths.push(change.path);
      expect(paths).toEqual(is);
    });

  test("a layer may be named by the beginning of its chain id or diff id", async () => {
    const { layers } = await here.images.reuse({ images: [`${host}/app:1`] });
    const { chainId, diffId } = layers.at(-1)!;
    for (const before of [chainId, chainId.slice(7, 19), diffId.slice(7, 19)])
      expect(await Array.fromAsync(here.images.compare({ before, after: `${host}/app:1` }))).toEqual([]);
  });

  test("what is not there is refused by name", async () => {
    const refused = (before: string): Promise<unknown> => finish(here.images.compare({ before, after: "busybox" }));
    await expect(refused("nonesuch")).rejects.toMatchObject({ code: "ERR_IMAGE_NOT_FOUND" });
    await expect(refused("ffff0000ffff")).rejects.toMatchObject({ code: "ERR_IMAGE_NOT_FOUND" });
    await expect(refused("busybox~9")).rejects.toThrow(/busybox has 2 layers/);
    await expect(here.images.reuse({ images: ["nonesuch"] })).rejects.toMatchObject({ code: "ERR_IMAGE_NOT_FOUND" });
  });

  test("an empty store is an empty report", async () => {
    mkdirSync(join(directory, "empty"));
    using empty = openEngine({ root: join(directory, "empty") });
    expect(await empty.images.reuse()).toMatchObject({ images: [], layers: [], transfers: [] });
  });
});
