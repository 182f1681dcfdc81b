import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegistryServer, type RegistryServer } from "@ctr/registry/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("images over a registry on loopback (needs root)", () => {
  const { engine } = temporaryEngine();
  const directory = mkdtempSync(join(tmpdir(), "ctr-registry-"));
  const elsewhere = openEngine({ root: join(directory, "elsewhere") });
  let server: RegistryServer;
  let name: string;
  beforeAll(async () => {
    server = await openRegistryServer({ directory: join(directory, "registry") });
    name = `${server.host}/team/busybox:1`;
    engine.images.tag("busybox", name);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    for (const { id } of await elsewhere.containers.list()) await elsewhere.containers.remove(id, { force: true });
    elsewhere.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The last event, which sums up. */
  async function last<T>(events: AsyncIterable<T>): Promise<T | undefined> {
    let event: T | undefined;
    for await (event of events);
    return event;
  }

  test("a push sends everything once, and then nothing", async () => {
    const first = await last(engine.images.push({ reference: name }));
    const second = await last(engine.images.push({ reference: name }));
    expect(first).toMatchObject({ kind: "done" });
    expect(second).toMatchObject({ kind: "done", sentBytes: 0 });
    expect((first as { sentBytes: number }).sentBytes).toBeGreaterThan(100_000);
  });

  test("a pull into another state directory gives the same image, which runs", async () => {
    await last(elsewhere.images.pull({ reference: name }));
    expect(elsewhere.images.resolve(name).variant.config).toBe(engine.images.resolve("busybox").variant.config);
    const { id } = await elsewhere.containers.create({ image: name, command: ["echo", "pulled"], network: "none" });
    (await elsewhere.containers.start(id)).attachment.close();
    expect(await elsewhere.containers.wait(id)).toBe(0);
    const log = readFileSync(join(elsewhere.root, "containers", id, "log.json"), "utf8");
    expect(log).toContain('"log":"pulled\\n"');
  });

  test("a second pull fetches no blob", async () => {
    expect(await last(elsewhere.images.pull({ reference: name }))).toMatchObject({ kind: "done" });
    const layers = [];
    for await (const event of elsewhere.images.pull({ reference: name }))
      if (event.kind === "stored") layers.push(event);
    expect(layers).toEqual([]);
  });

  test("a name that the registry does not have is refused, and the store stays as it was", async () => {
    const before = (await elsewhere.images.list()).length;
    await expect(last(elsewhere.images.pull({ reference: `${server.host}/team/nonesuch:1` }))).rejects.toThrow(
      /nonesuch/,
    );
    expect(await elsewhere.images.list()).toHaveLength(before);
  });
});
