import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ArchiveMember, decompress, tarEntry, writeArchive } from "@ctr/layers";
import type { ImageConfig, Manifest } from "@ctr/oci";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import type { CommitOptions, CreateOptions } from "../src/index.ts";
import { difference, entriesOf, inParts } from "./archive-entries.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("commit and diff (needs root)", () => {
  const { engine } = temporaryEngine();

  /** Run a script to its end in a new container of `image`; its id. */
  async function ran(script: string, o: CreateOptions = {}): Promise<string> {
    const command = ["sh", "-c", script];
    const { id } = await engine.containers.create({ image: "busybox", network: "none", command, ...o });
    (await engine.containers.start(id)).attachment.close();
    expect(await engine.containers.wait(id)).toBe(0);
    return id;
  }

  async function changesOf(id: string): Promise<string[]> {
    const lines: string[] = [];
    for await (const { kind, path } of engine.containers.changes(id)) lines.push(`${kind} ${path}`);
    return lines;
  }

  const blob = (digest: string): Buffer => readFileSync(join(engine.root, "images/blobs/sha256", digest.slice(7)));

  /** The archive of an image's newest layer. */
  async function* topLayer(image: string): AsyncGenerator<Uint8Array> {
    const manifest = JSON.parse(blob(engine.images.resolve(image).variant.manifest.digest).toString()) as Manifest;
    yield* decompress(inParts([blob(manifest.layers.at(-1)!.digest)]));
  }

  const changes = [
    { script: "true", is: [], why: "what a start mounts on is no change" },
    { script: "echo new > /new", is: ["A /new"], why: "a file" },
    { script: "echo x >> /etc/passwd", is: ["C /etc", "C /etc/passwd"], why: "a changed file, and its directory" },
    { script: "rm /bin/vi", is: ["C /bin", "D /bin/vi"], why: "a whiteout" },
    { script: "mkdir -p /a/b && touch /a/b/c", is: ["A /a", "A /a/b", "A /a/b/c"], why: "directories" },
    { script: "touch /tmp/x && rm /tmp/x", is: ["C /tmp"], why: "only the directory's time" },
    { script: "chmod 700 /usr", is: ["C /usr"], why: "a mode" },
    {
      script: "rm -r /usr && mkdir /usr && touch /usr/own",
      is: ["C /usr", "D /usr/bin", "A /usr/own"],
      why: "an opaque directory: what it hides is deleted",
    },
    { script: "rm -r /usr && touch /usr", is: ["C /usr"], why: "a directory became a file" },
    {
      script: "mv /usr /moved",
      is: ["A /moved", "A /moved/bin", "A /moved/bin/env", "D /usr"],
      why: "a directory of a lower layer with another name",
    },
  ] as const;
  for (const { script, is, why } of changes)
    test(`${script}: ${why}; committed, it is the same tree`, async () => {
      const id = await ran(script);
      expect(await changesOf(id)).toEqual(is);
      const { id: image, layer } = await engine.containers.commit(id);
      expect(layer === undefined).toBe(is.length === 0);
      const copy = await engine.containers.create({ image, command: ["sh"] });
      const [before, after] = [engine.containers.export(id), engine.containers.export(copy.id)];
      expect(difference(await entriesOf(before), await entriesOf(after))).toEqual({});
      expect(await changesOf(copy.id)).toEqual([]);
    });

  /** Everything that a file can be, beside what a script can make. */
  const odd: readonly ArchiveMember[] = [
    {
      entry: tarEntry({
        name: "odd/",
        type: "directory",
        mode: 0o3777,
        uid: 7,
        gid: 8,
        mtime: 1_500_000_000_123456789n,
      }),
    },
    {
      entry: tarEntry({
        name: "odd/program",
        type: "file",
        mode: 0o6755,
        size: 3,
        mtime: -1n,
        xattrs: new Map([
          ["security.capability", Buffer.from("0100000200040000000000000000000000000000", "hex")],
          ["user.note", Buffer.from("a\nb\0")],
        ]),
      }),
      content: [Buffer.from("abc")],
    },
    { entry: tarEntry({ name: "odd/second", type: "hardlink", link: "odd/program" }) },
    { entry: tarEntry({ name: "odd/\udcff\udcfe", type: "file", mode: 0o4711, uid: 65534, gid: 3 }) },
    { entry: tarEntry({ name: "odd/link", type: "symlink", link: "/no/such", uid: 5, gid: 6, mtime: 5n }) },
    { entry: tarEntry({ name: "odd/fifo", type: "fifo", mode: 0o640 }) },
    { entry: tarEntry({ name: "odd/null", type: "character", mode: 0o666, major: 1, minor: 3 }) },
    { entry: tarEntry({ name: `odd/${"long".repeat(60)}`, type: "file" }) },
  ];

  test("xattrs, set-id bits, owners, times, hard links, devices, names of any bytes: all is kept", async () => {
    const { id } = await engine.containers.create({ image: "busybox", command: ["sh"] });
    await engine.containers.unpackIn(id, { to: "/", archive: writeArchive(odd) });
    const given = await entriesOf(engine.containers.readFrom(id, { from: "/odd" }));
    const expected = await entriesOf(writeArchive(odd));
    // A hard link is told with the mode and time of the file that it is a name of.
    expect(Object.keys(difference(given, expected))).toEqual(["odd/second"]);
    const { id: image } = await engine.containers.commit(id);
    const copy = await engine.containers.create({ image, command: ["sh"] });
    expect(await entriesOf(engine.containers.readFrom(copy.id, { from: "/odd" }))).toEqual(given);
  });

  async function documentsOf(image: string) {
    const { Config, RootFS, ...rest } = (await engine.images.inspect(image)) as never as {
      Config: NonNullable<ImageConfig["config"]>;
      RootFS: { Layers: string[] };
      Author: string;
      Created: string;
    };
    return { ...rest, config: Config, layers: RootFS.Layers };
  }

  test("the container's settings, then --change, author, message and name", async () => {
    const id = await ran("touch /x", {
      env: ["A=1", "PATH=/bin"],
      labels: { own: "yes" },
      user: "0:0",
      workdir: "/tmp",
      stopSignal: "INT",
    });
    const o: CommitOptions = {
      name: "team/made:2",
      author: "somebody",
      message: "why",
      changes: ["ENV B=$A", 'CMD ["b"]'],
    };
    const { id: image } = await engine.containers.commit(id, o);
    expect(engine.images.resolve("team/made:2").variant.config).toBe(image);
    const { config, Author, layers } = await documentsOf(image);
    expect(Author).toBe("somebody");
    expect(layers.slice(0, -1)).toEqual(engine.images.resolve("busybox").variant.diffIds);
    expect(config).toMatchObject({
      User: "0:0",
      WorkingDir: "/tmp",
      StopSignal: "INT",
      Labels: { own: "yes" },
      Cmd: ["b"],
    });
    expect(config.Env).toEqual(expect.arrayContaining(["A=1", "PATH=/bin", "B=1"]));
    expect(engine.images.resolve("team/made:2").variant.diffIds).toEqual(layers);
  });

  test("history has one more line, without a layer for a container that changed nothing", async () => {
    const id = await ran("true");
    const { id: image, layer } = await engine.containers.commit(id, { message: "nothing" });
    expect(layer).toBeUndefined();
    const config = JSON.parse(blob(image).toString()) as ImageConfig;
    expect(config.history?.at(-1)).toMatchObject({ created_by: "sh -c true", comment: "nothing", empty_layer: true });
    expect(config.rootfs.diff_ids).toEqual(engine.images.resolve("busybox").variant.diffIds);
  });

  test("a source date: two commits of the same files are one image", async () => {
    const [one, two] = [await ran("mkdir /d; echo 1 > /d/f"), await ran("mkdir /d; echo 1 > /d/f")];
    const o = { sourceDateEpoch: 1_600_000_000 };
    const image = await engine.containers.commit(one, o);
    expect(await engine.containers.commit(two, o)).toEqual(image);
    expect((await documentsOf(image.id)).Created).toBe("2020-09-13T12:26:40.000Z");
    const entries = await entriesOf(topLayer(image.id));
    expect(Object.keys(entries)).toEqual(["d/", "d/f"]);
    expect(Object.values(entries).every((text) => text.includes("1600000000000000000"))).toBe(true);
  });

  test("one file in an image of 20 000: the layer holds that file, and no directory of the image is read", async () => {
    const filled = await ran('mkdir /many && cd /many && for n in $(seq 20000); do : > "$n"; done');
    const { id: big } = await engine.containers.commit(filled, { name: "big" });
    const id = await ran("echo 1 > /many/1", { image: big });
    expect(await changesOf(id)).toEqual(["C /many", "C /many/1"]);
    const script = `import { openEngine } from ${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))};
      using engine = openEngine({ root: ${JSON.stringify(engine.root)} });
      await engine.containers.commit(${JSON.stringify(id)}, { name: "changed" });`;
    const node = [process.execPath, "--conditions=ctr-source", "--input-type=module", "--eval", script];
    const strace = ["-f", "-y", "-e", "trace=open,openat,openat2,getdents64", ...node];
    const { stderr } = await execa("strace", strace, { maxBuffer: 1 << 28 });
    const reads = stderr.split("\n").filter((line) => line.includes("overlay2/"));
    expect(reads.some((line) => line.includes("getdents64") && line.includes(`${id}/diff/many`))).toBe(true);
    const entries = reads.map((line) => Number(/getdents64.* (\d+) entries/.exec(line)?.[1] ?? 0));
    expect(Math.max(...entries)).toBeLessThan(100);
    expect(Object.keys(await entriesOf(topLayer("changed")))).toEqual(["many/", "many/1"]);
  });
});
