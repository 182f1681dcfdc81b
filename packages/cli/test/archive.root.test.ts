import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configOf, file, hexOf, symlink, tar } from "../../image-archive/test/archives.ts";
import { hostileArchives } from "../../image-archive/test/hostile-archives.ts";
import { Ctr, notRoot, program } from "./ctr.ts";
import { noTmux, Terminal } from "./terminal.ts";

const isInstalled = (name: string): boolean => spawnSync(name, ["--version"]).status === 0;

/** State directories of one test, and files; nothing of it is left. */
function places(): { readonly directory: string; readonly store: (name: string) => Ctr } {
  const directory = join(tmpdir(), `ctr-archive-${randomBytes(4).toString("hex")}`);
  beforeAll(() => void mkdirSync(directory)); // not before: a block that is skipped would leave it
  const stores = new Map<string, Ctr>();
  const store = (name: string): Ctr => {
    const found = stores.get(name) ?? new Ctr(join(directory, name));
    stores.set(name, found);
    return found;
  };
  afterAll(async () => {
    for (const ctr of stores.values()) await ctr.removeContainers();
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, store };
}

const idOf = (ctr: Ctr, name: string): Promise<string> => ctr.say("image", "inspect", "--format", "{{.Id}}", name);

/** A static busybox's image as Docker before version 25 would save it. */
async function oldArchive(layout: string): Promise<Uint8Array> {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const blob = (digest: string): Buffer => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
  const config = blob(manifest.config.digest);
  const layers: Buffer[] = manifest.layers.map(({ digest }: { digest: string }) => gunzipSync(blob(digest)));
  const id = manifest.config.digest.slice("sha256:".length);
  return tar([
    ...layers.map((layer, at) => file(`${at}/layer.tar`, layer)),
    file(`${id}.json`, config),
    file("manifest.json", [
      { Config: `${id}.json`, RepoTags: ["busybox:old"], Layers: layers.map((_, at) => `${at}/layer.tar`) },
    ]),
  ]);
}

describe.skipIf(notRoot)("ctr save and load (needs root)", () => {
  const { directory, store } = places();
  const here = store("here");
  const archive = join(directory, "saved.tar");
  beforeAll(async () => {
    await here.say("image", "from-host", "--tag", "busybox", "busybox");
    await here.say("tag", "busybox", "busybox:2");
    await here.say("tag", "busybox", "localhost:5000/team/busybox:1");
    expect(await here.say("save", "-o", archive, "busybox", "localhost:5000/team/busybox:1")).toBe("");
  });

  test("in another store it is the same image under the same names, and runs", async () => {
    const there = store("there");
    expect(await there.say("load", "-i", archive)).toBe(
      ["busybox:2", "busybox:latest", "localhost:5000/team/busybox:1"].map((it) => `Loaded image: ${it}`).join("\n"),
    );
    expect(await idOf(there, "busybox")).toBe(await idOf(here, "busybox"));
    expect((await there.run([], "echo loaded")).stdout).toBe("loaded\n");
  });

  test("saved again from there, it is the same archive, whatever the order of the names", async () => {
    const again = join(directory, "again.tar");
    await store("there").say("image", "save", "-o", again, "localhost:5000/team/busybox:1", "busybox");
    expect(readFileSync(again).equals(readFileSync(archive))).toBe(true);
  });

  test("the file is for its owner only, and nothing else is beside it", () => {
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("from standard output into standard input", async () => {
    const ctr = [process.execPath, program, "--root"].join(" ");
    const { stdout } = await execa("sh", [
      "-c",
      `${ctr} ${here.root} save busybox:2 | ${ctr} ${store("piped").root} load`,
    ]);
    expect(stdout).toBe("Loaded image: busybox:2");
  });

  test("one tag is saved alone; an id has no name", async () => {
    const id = await idOf(here, "busybox");
    const [tagged, nameless] = [join(directory, "tagged.tar"), join(directory, "nameless.tar")];
    await here.say("save", "-o", tagged, "busybox:2");
    await here.say("save", "-o", nameless, id);
    expect(await store("tagged").say("load", "-i", tagged)).toBe("Loaded image: busybox:2");
    expect(await store("nameless").say("image", "load", "-q", "-i", nameless)).toBe(`Loaded image ID: ${id}`);
  });

  for (const { how, pack } of [
    { how: "gzip", pack: gzipSync },
    { how: "zstd", pack: zstdCompressSync },
  ])
    test(`an archive packed with ${how}`, async () => {
      const { status, stdout } = await store(how).call(["load"], { input: pack(readFileSync(archive)) });
      expect({ status, last: stdout.trim().split("\n").at(-1) }).toEqual({
        status: 0,
        last: "Loaded image: localhost:5000/team/busybox:1",
      });
    });

  test("what Docker saved before version 25: the id is kept, also through our own archive", async () => {
    const [old, ours] = [join(directory, "old.tar"), join(directory, "ours.tar")];
    writeFileSync(old, await oldArchive(join(here.root, "images")));
    expect(await store("old").say("load", "-i", old)).toBe("Loaded image: busybox:old");
    expect(await idOf(store("old"), "busybox:old")).toBe(await idOf(here, "busybox"));
    await store("old").say("save", "-o", ours, "busybox:old");
    await store("ours").say("load", "-i", ours);
    expect(await idOf(store("ours"), "busybox:old")).toBe(await idOf(here, "busybox"));
    const ran = await store("ours").call(["run", "--rm", "--network", "none", "busybox:old", "echo", "hi"]);
    expect(ran.stdout).toBe("hi\n");
  });

  test("loading what is there already changes nothing", async () => {
    const before = await here.say("images", "--no-trunc");
    expect(await here.say("load", "-i", archive)).toContain("Loaded image: busybox:latest");
    expect(await here.say("images", "--no-trunc")).toBe(before);
  });

  test("an image that is not there: exit code 1, no file, no byte", async () => {
    const missing = join(directory, "missing.tar");
    const toFile = await here.call(["save", "-o", missing, "busybox", "nothere"]);
    expect(toFile).toMatchObject({ status: 1, stdout: "", stderr: "ctr: No such image: nothere\n" });
    expect(readdirSync(directory).filter((name) => name.includes("missing"))).toEqual([]);
    expect(await here.call(["save", "nothere"])).toMatchObject({ status: 1, stdout: "" });
  });

  const badOutputs = [
    { path: "no/such/directory/x.tar", says: /invalid output path: "[^"]*x\.tar": ENOENT/ },
    { path: "here", says: /invalid output path: "[^"]*here" is a directory/ },
  ];
  for (const { path, says } of badOutputs)
    test(`-o ${path} is refused`, async () => {
      const { status, stderr } = await here.call(["save", "-o", join(directory, path), "busybox"]);
      expect(status).toBe(1);
      expect(stderr).toMatch(says);
    });

  test("load of a file that is not there", async () => {
    const { status, stderr } = await here.call(["load", "-i", join(directory, "nothere")]);
    expect({ status, lines: stderr.trim().split("\n").length }).toEqual({ status: 1, lines: 1 });
    expect(stderr).toMatch(/nothere/);
  });

  test("load of nothing", async () => {
    const { status, stderr } = await here.call(["load"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no image archive/);
  });

  test.skipIf(noTmux)("a terminal gets no archive, and gives none (tmux is installed)", async () => {
    const ctr = `${process.execPath} ${program} --root ${here.root}`;
    await using terminal = await Terminal.open(`${ctr} save busybox; ${ctr} load; echo end`, {
      columns: 100,
      rows: 20,
    });
    const screen = await terminal.shows(/^end/m);
    expect(screen).toMatch(/cowardly refusing to save to a terminal. Use the -o flag or redirect/);
    expect(screen).toMatch(/requested load from stdin, but stdin is empty/);
  });

  test("memory does not grow with the image", async () => {
    const [files, big] = [join(directory, "files.tar.zst"), join(directory, "big.tar")];
    // What cannot be compressed, so that the blob is as large as the file.
    const block = Buffer.concat(
      Array.from({ length: 1 << 15 }, (_, at) => createHash("sha256").update(String(at)).digest()),
    );
    writeFileSync(
      files,
      zstdCompressSync(await tar(Array.from({ length: 256 }, (_, at) => file(`${at}`, randomize(block, at))))),
    );
    await here.say("import", files, "big");
    // Not getrusage(2), which tells the peak of whoever started the process, should that be higher.
    const report = encodeURIComponent(
      "import{readFileSync as r}from'node:fs';process.on('exit',()=>console.error(/VmHWM:\\s+(\\d+)/.exec(r('/proc/self/status','utf8'))[1]))",
    );
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${report}` };
    const { stderr } = await here.call(["save", "-o", big, "big"], { env });
    expect(statSync(big).size).toBeGreaterThan(200 << 20);
    expect(Number(stderr) / 1024).toBeLessThan(150);
  });
});

/** Other bytes for each number. */
function randomize(block: Buffer, seed: number): Buffer {
  const key = createHash("sha256").update(`seed ${seed}`).digest();
  return Buffer.from(block.map((byte, at) => byte ^ key[at & 31]! ^ (at >> 5)));
}

describe.skipIf(notRoot)("archives that ctr load refuses (needs root)", () => {
  const { directory, store } = places();
  const ctr = store("store");
  const canary = join(directory, "canary");
  let blobs: readonly string[];
  const listed = (): string => readFileSync(join(ctr.root, "images/index.json"), "utf8");
  beforeAll(async () => {
    writeFileSync(canary, "alive");
    await ctr.say("image", "from-host", "--tag", "busybox", "busybox");
    blobs = readdirSync(join(ctr.root, "images/blobs/sha256")).sort();
  });

  async function refused(archive: Uint8Array, says: RegExp): Promise<void> {
    const before = listed();
    const path = join(directory, "bad.tar");
    writeFileSync(path, archive);
    const { status, stdout, stderr } = await ctr.call(["load", "-i", path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/^ctr: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(listed()).toBe(before);
    expect(readFileSync(canary, "utf8")).toBe("alive");
  }

  for (const { name, members, says } of hostileArchives)
    test(name, async () => refused(await tar(await members()), says));

  test("100,000 members", async () =>
    refused(
      await tar(Array.from({ length: 100_000 }, (_, at) => ({ ...directoryEntry(`d${at}/`) }))),
      /more than 50000/,
    ));

  test("a layer with a file outside of the root", async () =>
    refused(await imageOf(await tar([file(`../../../../../..${canary}`, "dead")])), /leaves the root/));

  test("a layer with a file behind a symlink out of the root", async () => {
    const path = join(directory, "symlink.tar");
    writeFileSync(path, await imageOf(await tar([symlink("out", directory), file("out/canary", "dead")])));
    await store("symlink").call(["load", "-i", path]); // refused, or held inside: both are safe
    expect(readFileSync(canary, "utf8")).toBe("alive");
  });

  test("a packed layer that is not what its diff id says", async () => {
    const layer = await tar([file("a", "a")]);
    const config = configOf([await tar([file("b", "b")])]);
    await refused(await imageFrom(gzipSync(layer), config), /diff id/);
  });

  test("a packed layer that is cut short", async () => {
    const layer = await tar([file("a", "a".repeat(10_000))]);
    await refused(await imageFrom(gzipSync(layer).subarray(0, 40), configOf([layer])), /cut short|damaged/);
  });

  test("after all of them a prune leaves what was there before, and the image still runs", async () => {
    await ctr.say("image", "prune", "--force");
    expect(readdirSync(join(ctr.root, "images/blobs/sha256")).sort()).toEqual(blobs);
    expect((await ctr.run([], "echo alive")).stdout).toBe("alive\n");
  });
});

const directoryEntry = (name: string): Parameters<typeof tar>[0] extends Iterable<infer M> ? M : never => ({
  entry: { ...file(name, "").entry, type: "directory" },
});

const imageOf = (layer: Uint8Array): Promise<Uint8Array> => imageFrom(layer, configOf([layer]));

const imageFrom = (layer: Uint8Array, config: Uint8Array): Promise<Uint8Array> =>
  tar([
    file("layer.tar", layer),
    file(`${hexOf(config)}.json`, config),
    file("manifest.json", [{ Config: `${hexOf(config)}.json`, RepoTags: ["bad:1"], Layers: ["layer.tar"] }]),
  ]);

describe.skipIf(notRoot)("ctr import (needs root)", () => {
  const { directory, store } = places();
  const ctr = store("store");
  let files: Uint8Array;
  beforeAll(async () => {
    files = await tar([file("hello", "hello\n"), file("etc/os-release", "NAME=test\n")]);
  });

  const inputs = [
    { how: "plain", pack: (bytes: Uint8Array) => bytes },
    { how: "gzip", pack: gzipSync },
    { how: "zstd", pack: zstdCompressSync },
  ];
  for (const { how, pack } of inputs)
    test(`a ${how} archive from a file and from standard input has the files' diff id`, async () => {
      const path = join(directory, `${how}.tar`);
      writeFileSync(path, pack(files));
      const id = await ctr.say("import", path, `from-file:${how}`);
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      const piped = await ctr.call(["image", "import", "-", `piped:${how}`], { input: pack(files) });
      expect(piped).toMatchObject({ status: 0, stderr: "" });
      const layers = await ctr.say("image", "inspect", "--format", "{{json .RootFS.Layers}}", `from-file:${how}`);
      expect(JSON.parse(layers)).toEqual([`sha256:${hexOf(files)}`]);
    });

  test("--change, --message and --platform go into the config", async () => {
    const { stdout } = await ctr.call(
      [
        "import",
        ...["-c", 'CMD ["cat", "/hello"]', "-c", "ENV A=1 B=2", "-c", "EXPOSE 80"],
        ...["-m", "from a test", "--platform", "linux/arm64", "-", "changed:1"],
      ],
      { input: files },
    );
    const config = JSON.parse(readFileSync(join(ctr.root, "images/blobs", stdout.trim().replace(":", "/")), "utf8"));
    expect(config).toMatchObject({
      architecture: "arm64",
      config: { Cmd: ["cat", "/hello"], Env: ["A=1", "B=2"], ExposedPorts: { "80/tcp": {} } },
      history: [{ comment: "from a test" }],
    });
  });

  test("without a name it is an image all the same", async () => {
    const { stdout } = await ctr.call(["import", "-"], { input: files });
    expect(await idOf(ctr, stdout.trim())).toBe(stdout.trim());
  });

  const bad = [
    { args: ["-", "Bad:1"], says: /must be lowercase/ },
    { args: ["-", `a@sha256:${"a".repeat(64)}`], says: /cannot import digest reference/ },
    { args: ["-c", "RUN x", "-", "a"], says: /run is not a valid change command/ },
    { args: ["-c", "EXPOSE x", "-", "a"], says: /invalid containerPort/ },
    { args: ["--platform", "a/b/c/d", "-", "a"], says: /invalid platform/ },
    { args: ["https://example.com/x.tar", "a"], says: /curl -L/ },
    { args: ["nothere.tar", "a"], says: /nothere\.tar/ },
  ];
  for (const { args, says } of bad)
    test(`import ${args.join(" ").slice(0, 40)} is refused`, async () => {
      const before = await ctr.say("images", "-q");
      const { status, stdout, stderr } = await ctr.call(["import", ...args], { input: files });
      expect({ status: status > 0, stdout }).toEqual({ status: true, stdout: "" });
      expect(stderr).toMatch(says);
      expect(await ctr.say("images", "-q")).toBe(before);
    });

  test("what is no archive", async () => {
    const { status, stderr } = await ctr.call(["import", "-", "a"], { input: "x".repeat(2000) });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ctr: [^\n]*archive[^\n]*\n$/);
  });
});

describe.skipIf(notRoot)("archives between ctr and other tools (needs root)", () => {
  const { directory, store } = places();
  const here = store("here");
  const ours = join(directory, "ours.tar");
  const name = "docker.io/library/busybox:latest";
  let id: string;
  beforeAll(async () => {
    await here.say("image", "from-host", "--tag", "busybox", "busybox");
    await here.say("save", "-o", ours, "busybox");
    id = await idOf(here, "busybox");
  });

  /** Load an archive into a new store; the id of the image. */
  async function loaded(archive: string): Promise<string> {
    const there = store(`loaded ${archive.slice(directory.length + 1)}`);
    expect(await there.say("load", "-i", archive)).toBe("Loaded image: busybox:latest");
    return idOf(there, "busybox");
  }

  const skopeo = (...args: string[]): Promise<{ stdout: string }> => execa("skopeo", ["--insecure-policy", ...args]);

  for (const from of ["docker-archive", "oci-archive"])
    for (const to of ["docker-archive", "oci-archive"])
      test.skipIf(!isInstalled("skopeo"))(
        `skopeo reads ours as ${from} and writes ${to}, which we load with the same id (skopeo is installed)`,
        async () => {
          const path = join(directory, `skopeo-${from}-${to}.tar`);
          await skopeo("copy", "-q", `${from}:${ours}:${name}`, `${to}:${path}:${name}`);
          expect(await loaded(path)).toBe(id);
        },
      );

  test.skipIf(!isInstalled("umoci"))("umoci lists and unpacks ours (umoci is installed)", async () => {
    const layout = join(directory, "layout");
    await execa("mkdir", [layout]);
    await execa("tar", ["-xf", ours, "-C", layout]);
    expect((await execa("umoci", ["ls", "--layout", layout])).stdout).toBe(name);
    await execa("umoci", ["unpack", "--image", `${layout}:${name}`, join(directory, "bundle")]);
    expect(readdirSync(join(directory, "bundle/rootfs/bin"))).toContain("busybox");
  });

  test.skipIf(!isInstalled("podman"))(
    "podman loads ours and saves what we load, with the same id (podman is installed)",
    async () => {
      // Podman takes no runroot of more than 50 characters.
      const state = ["--root", join(directory, "podman"), "--runroot", join(directory, "run")];
      const podman = (...args: string[]): Promise<{ stdout: string }> =>
        execa("podman", [
          ...state,
          "--storage-driver=vfs",
          "--cgroup-manager=cgroupfs",
          "--events-backend=file",
          ...args,
        ]);
      await podman("load", "-i", ours);
      expect((await podman("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")).stdout).toBe(
        `${id} ${name}`,
      );
      const path = join(directory, "podman.tar");
      await podman("save", "-q", "-o", path, name);
      expect(await loaded(path)).toBe(id);
    },
  );
});
