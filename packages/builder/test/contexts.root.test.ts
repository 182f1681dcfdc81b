import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compress, tarDirectory, tarEntry, writeArchive } from "@ctr/layers";
import { describe, expect, test } from "vitest";
import { type BuildOptions, buildImage, type ContextArchive } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { gitMissing, LocalRepository, LocalServer, serveRepositories } from "./local-server.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

const archiveOf = (bytes: Uint8Array): ContextArchive => ({
  archive: async function* () {
    yield bytes;
  },
});

/** Everything that a build says of its context, and without a Dockerfile of the test's own. */
async function build(here: Site, context: BuildOptions["context"], o: Partial<BuildOptions> = {}): Promise<void> {
  await buildImage({ store: here.store, worker: here.worker, context, tags: ["x"], ...o });
}

const tar = (here: Site, ...flags: string[]): Buffer => execFileSync("tar", ["-C", here.context, ...flags, "."]);

const files = {
  Dockerfile: "FROM busybox\nCOPY . /c/\n",
  "a.txt": "a",
  "b.log": "b",
  "d/Other": "FROM scratch\nCOPY a.txt b.log /\n",
  ".dockerignore": "*.log\n.dockerignore\nDockerfile\nd",
  "d/Other.dockerignore": "# nothing\n",
};

describe.skipIf(missing !== undefined)(`contexts${missing === undefined ? "" : ` (${missing})`}`, () => {
  for (const [flags, program] of [
    ["-c", "tar"],
    ["-cz", "gzip"],
    ["-cj", "bzip2"],
    ["-cJ", "xz"],
    ["--zstd -c", "zstd"],
  ] as const)
    test.skipIf(spawnSync(program, ["--version"]).error !== undefined)(
      `an archive, packed with ${program}`,
      async () => {
        const here = await site(files);
        await build(here, archiveOf(tar(here, ...flags.split(" "))));
        expect(here.files("x").names("c")).toEqual(["a.txt"]);
      },
    );

  test("in an archive as in a directory: another Dockerfile, and its own ignore file", async () => {
    const here = await site(files);
    const context = archiveOf(tar(here, "-c"));
    await build(here, context, { dockerfile: "d/Other" });
    expect(here.files("x").names("")).toEqual(["a.txt", "b.log"]);
    await build(here, context, { text: "FROM scratch\nCOPY a.txt /\n" });
    expect(here.files("x").names("")).toEqual(["a.txt"]);
    await expect(build(here, context, { dockerfile: "None" })).rejects.toMatchObject({ code: "ERR_BUILDER_CONTEXT" });
  });

  test("a second build of an archive reuses every step", async () => {
    const here = await site(files);
    const options = { context: archiveOf(tar(here, "-c")), text: files.Dockerfile };
    await here.build("", options);
    expect(await here.decisions("", options)).toEqual(["2 reused"]);
  });

  test("a Dockerfile alone has no files", async () => {
    const here = await site(files);
    await build(here, archiveOf(Buffer.from("FROM busybox\nRUN echo x > /x\n")));
    expect(here.files("x").text("x", 10)).toBe("x\n");
    await expect(build(here, archiveOf(Buffer.from("FROM scratch\nCOPY a.txt /\n")))).rejects.toMatchObject({
      code: "ERR_BUILDER_NOT_FOUND",
      line: 2,
    });
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1000), Buffer.from("1f8b08aaaa", "hex")])
      await expect(build(here, archiveOf(bytes))).rejects.toMatchObject({ code: "ERR_BUILDER_CONTEXT" });
  });

  test("security C1: what an archive says leads out of nothing", async () => {
    const here = await site();
    const canary = join(here.root, "canary");
    writeFileSync(canary, "secret");
    const link = (name: string, to: string) => ({ entry: tarEntry({ name, type: "symlink", link: to }) });
    const file = (name: string, text: string) => ({
      entry: tarEntry({ name, type: "file", size: text.length }),
      content: [Buffer.from(text)],
    });
    const make = async (members: Parameters<typeof writeArchive>[0]): Promise<ContextArchive> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of writeArchive(members)) chunks.push(chunk);
      return archiveOf(Buffer.concat(chunks));
    };
    const attempts = [
      { members: [link("Dockerfile", "/etc/shadow")], why: "a Dockerfile that is a link" },
      { members: [link("Dockerfile", `../../../../../../../../..${canary}`)], why: "another way up" },
      {
        members: [link("d", here.root), file("d/canary", "hit"), file("Dockerfile", "FROM scratch\nCOPY d/canary /\n")],
      },
      { members: [link("d", ".."), file("d/../../canary", "hit")], why: "names that leave it" },
      {
        members: [
          link("x", canary),
          { entry: tarEntry({ name: "y", type: "hardlink", link: "x" }) },
          file("y", "hit"),
          file("Dockerfile", "FROM scratch\nCOPY x /\n"),
        ],
        why: "a second name of a link",
      },
      {
        members: [link(".dockerignore", "/proc/self/environ"), file("Dockerfile", "FROM scratch\nCOPY none /\n")],
        why: "an ignore file that is a link",
      },
    ];
    for (const { members, why } of attempts) {
      const error = await build(here, await make(members)).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(readFileSync(canary, "utf8"), why).toBe("secret");
      expect(error?.message ?? "", why).not.toContain("secret");
    }
    const whiteout = await make([file("a", "a"), file(".wh.a", ""), file("Dockerfile", "FROM scratch\nCOPY a /\n")]);
    await build(here, whiteout);
    expect(here.files("x").text("a", 10)).toBe("a");
  });

  test("over HTTP: an archive, or a Dockerfile", async () => {
    const here = await site(files);
    const bodies: Readonly<Record<string, Buffer>> = {
      "/c.tgz": tar(here, "-cz"),
      "/Dockerfile": Buffer.from("FROM busybox\nRUN echo x > /x\n"),
    };
    const server = await LocalServer.start((request, response) => {
      const body = bodies[request.url!];
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await build(here, `${server.url}/c.tgz`);
    expect(here.files("x").names("c")).toEqual(["a.txt"]);
    await build(here, `${server.url}/Dockerfile`);
    expect(here.files("x").text("x", 10)).toBe("x\n");
    await expect(build(here, `${server.url}/none`)).rejects.toMatchObject({ code: "ERR_BUILDER_DOWNLOAD" });
  });

  test.skipIf(gitMissing !== undefined)("a repository, a directory of it, and its ignore file", async () => {
    const here = await site();
    const repository = new LocalRepository(join(here.root, "git/app"));
    mkdirSync(join(repository.directory, "sub"));
    for (const directory of ["", "sub"]) {
      writeFileSync(join(repository.directory, directory, "Dockerfile"), "FROM scratch\nCOPY . /\n");
      writeFileSync(join(repository.directory, directory, ".dockerignore"), "Docker*\n.docker*\n");
    }
    writeFileSync(join(repository.directory, "sub/f"), "f");
    repository.commit();
    const server = await serveRepositories(join(here.root, "git"));
    await build(here, `${server.url}/app/.git`);
    expect(here.files("x").names("")).toEqual(["sub"]);
    await build(here, `${server.url}/app/.git#main:sub`);
    expect(here.files("x").names("")).toEqual(["f"]);
  });

  test("a Dockerfile of the caller's, with its own ignore file beside it", async () => {
    const here = await site(files);
    const dockerfile = join(here.root, "elsewhere");
    writeFileSync(dockerfile, "FROM scratch\nCOPY . /\n");
    writeFileSync(`${dockerfile}.dockerignore`, "*\n!b.log\n");
    await build(here, here.context, { dockerfile });
    expect(here.files("x").names("")).toEqual(["b.log"]);
  });

  test("names: files for COPY, FROM and mounts, before stages and images", async () => {
    const here = await site({ own: "own" });
    const other = join(here.root, "other");
    mkdirSync(other);
    writeFileSync(join(other, "f"), "from the context");
    writeFileSync(join(other, "left-out"), "");
    writeFileSync(join(other, ".dockerignore"), "left-out");
    const dockerfile = [
      "FROM scratch AS named",
      "COPY own /f",
      "FROM busybox",
      "COPY --from=named f /copied",
      "FROM named AS last",
      "COPY own /",
    ].join("\n");
    const contexts = { Named: other };
    await here.build(dockerfile, { contexts, tags: ["copied"], target: "1" });
    expect(here.files("copied").text("copied", 100)).toBe("from the context");
    await here.build(dockerfile, { contexts, tags: ["based"] });
    expect(here.files("based").names("")).toEqual([".dockerignore", "f", "own"]);
    expect(await here.decisions(dockerfile, { contexts })).toEqual(["2 reused", "3 reused"]);
    writeFileSync(join(other, "f"), "changed");
    expect(await here.decisions(dockerfile, { contexts })).toEqual([
      expect.stringMatching(/^2 ran: .*f changed/),
      "3 ran: step 2 ran",
    ]);
    const { error } = await here.fail(dockerfile, { contexts: { named: join(here.root, "none") } });
    expect(error).toMatchObject({ code: "ERR_BUILDER_CONTEXT" });
  });

  test("names: an image instead of another", async () => {
    const here = await site();
    await here.build("FROM busybox\nRUN echo replaced > /which\n", { tags: ["mine:1"] });
    const dockerfile = "FROM node:22\nCOPY --from=docker.io/library/golang /which /copied\n";
    const contexts = { "node:22": "docker-image://mine:1", golang: "docker-image://docker.io/library/mine:1" };
    await here.build(dockerfile, { contexts, tags: ["x"] });
    const tree = here.files("x");
    expect([tree.text("which", 20), tree.text("copied", 20)]).toEqual(["replaced\n", "replaced\n"]);
    const { error } = await here.fail(dockerfile, { contexts: { ...contexts, golang: "docker-image://none" } });
    expect(error).toMatchObject({ code: "ERR_BUILDER_IMAGE", line: 2 });
  });

  test("names: an image of an OCI layout, whose blobs are what they say", async () => {
    const here = await site();
    const { blobs, layout } = await writeLayout(here);
    const dockerfile = "FROM base\nCOPY --from=base /f /g\n";
    const by = (suffix: string): Partial<BuildOptions> => ({ contexts: { base: `oci-layout://${layout}${suffix}` } });
    for (const suffix of ["", ":1", `@${blobs.manifest}`]) {
      await here.build(dockerfile, { ...by(suffix), tags: ["x"] });
      expect(here.files("x").names(""), suffix).toEqual(["f", "g"]);
      expect((await here.store.read(here.store.resolve("x"))).config.config?.Env).toContain("A=1");
    }
    expect(
      here.store
        .list()
        .flatMap(({ names }) => names)
        .sort(),
    ).toEqual(["docker.io/library/busybox:latest", "docker.io/library/x:latest"]);
    for (const suffix of [":2", `@sha256:${"0".repeat(64)}`, "-missing"])
      expect((await here.fail(dockerfile, by(suffix))).error, suffix).toMatchObject({
        code: expect.stringMatching(/^ERR_BUILDER_(?:IMAGE|CONTEXT)$/),
      });
    writeFileSync(join(layout, "blobs/sha256", blobs.config.slice(7)), "{}");
    const fresh = await site();
    expect((await fresh.fail(dockerfile, by(":1"))).error).toMatchObject({ code: "ERR_BUILDER_IMAGE", line: 1 });
  });

  test("a directory that is not there, and one that is a file", async () => {
    const here = await site({ f: "f" });
    for (const path of ["none", "f"])
      await expect(build(here, join(here.context, path))).rejects.toMatchObject({ code: "ERR_BUILDER_CONTEXT" });
    symlinkSync(here.context, join(here.root, "link"));
    await build(here, join(here.root, "link"), { text: "FROM scratch\nCOPY f /\n" });
    expect(existsSync(join(here.store.root, "tmp"))).toBe(true);
  });
});

/** An OCI layout with one image, made here. @see image-spec image-layout.md */
async function writeLayout(here: Site) {
  const layout = join(here.root, "layout");
  const files = join(here.root, "files");
  mkdirSync(files);
  writeFileSync(join(files, "f"), "f");
  const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(chunk);
    return Buffer.concat(all);
  };
  const { createHash } = await import("node:crypto");
  const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const keep = (mediaType: string, bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    writeFileSync(join(layout, "blobs/sha256", digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const plain = await collect(tarDirectory({ directory: files }));
  const packed = await collect(compress({ source: [plain] as unknown as AsyncIterable<Uint8Array>, format: "gzip" }));
  const prefix = "application/vnd.oci.image";
  const layer = keep(`${prefix}.layer.v1.tar+gzip`, packed);
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const rootfs = { type: "layers", diff_ids: [digestOf(plain)] };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const config = keep(
    `${prefix}.config.v1+json`,
    json({ os: "linux", architecture, config: { Env: ["A=1"] }, rootfs }),
  );
  const mediaType = `${prefix}.manifest.v1+json`;
  const manifest = keep(mediaType, json({ schemaVersion: 2, mediaType, config, layers: [layer] }));
  const annotations = { "org.opencontainers.image.ref.name": "1" };
  writeFileSync(join(layout, "index.json"), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(layout, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return { layout, blobs: { config: config.digest, manifest: manifest.digest } };
}
