// A registry out of one's own store, a directory, or in front of another registry.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ctr, notRoot, program } from "./ctr.ts";

const noSkopeo = spawnSync("skopeo", ["--version"]).error === undefined ? false : "skopeo is not installed";

interface Serving extends AsyncDisposable {
  readonly host: string;
  /** All that it has printed. */
  log(): string;
  /** Ends it as Ctrl-C does; its exit status. */
  stop(): Promise<number | null>;
}

/** `ctr registry serve` on a free port, listening. */
async function serve(root: string, ...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [
    ...[program, "--root", root, "registry", "serve", "--listen", "127.0.0.1:0"],
    ...args,
  ]);
  let out = "";
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const host = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      const found = / at http:\/\/(\S+)\n/.exec(out)?.[1];
      if (found !== undefined) resolve(found);
    });
    ended.then(() => reject(new Error(`it ended: ${err}`)));
  });
  const stop = async (): Promise<number | null> => {
    child.kill("SIGINT");
    return ended;
  };
  return { host, log: () => out, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

describe.skipIf(notRoot)("ctr registry serve (needs root)", () => {
  const directory = mkdtempSync(join(tmpdir(), "ctr-serve-"));
  const here = new Ctr(join(directory, "here"));
  let count = 0;
  /** A state directory that nobody has used. */
  const another = (): Ctr => new Ctr(join(directory, `there-${count++}`));
  beforeAll(async () => {
    await here.say("image", "from-host", "--tag", "busybox", "busybox");
    await here.say("tag", "busybox", "ghcr.io/team/app:1");
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const files = (): string[] =>
    readdirSync(join(here.root, "images"), { recursive: true, encoding: "utf8" }).toSorted();

  test("a store is served for reading, under the short names of its images, and stays as it is", async () => {
    const before = files();
    const index = readFileSync(join(here.root, "images/index.json"), "utf8");
    await using registry = await serve(here.root);
    const there = another();
    for (const name of ["busybox", "library/busybox", "docker.io/library/busybox", "team/app:1"])
      await there.say("pull", "-q", `${registry.host}/${name}`);
    const ran = ["run", "--rm", "--network", "none", `${registry.host}/busybox`, "echo", "pulled"];
    expect(await there.say(...ran)).toBe("pulled");
    expect(registry.log()).toMatch(/127\.0\.0\.1 GET \/v2\/busybox\/manifests\/latest 200\n/);

    const push = await there.call(["push", `${registry.host}/busybox`]);
    expect(push.status).toBe(0); // it is there: nothing is to be sent
    await there.say("tag", `${registry.host}/busybox`, `${registry.host}/new/name:1`);
    const refused = await there.call(["push", `${registry.host}/new/name:1`]);
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toMatch(/read-only/);
    expect(await registry.stop()).toBe(0);
    expect(files()).toEqual(before);
    expect(readFileSync(join(here.root, "images/index.json"), "utf8")).toBe(index);
  });

  test("images that come and go while it serves are seen at once", async () => {
    await using registry = await serve(here.root);
    const tags = (): Promise<string> => here.say("image", "tags", `${registry.host}/library/busybox`);
    expect(await tags()).toBe("latest");
    await here.say("tag", "busybox", "busybox:2");
    expect(await tags()).toBe("2\nlatest");
    await here.say("rmi", "busybox:2");
    expect(await tags()).toBe("latest");
  });

  test.skipIf(noSkopeo)("skopeo copies from it", async () => {
    await using registry = await serve(here.root);
    const layout = join(directory, "skopeo");
    await execa("skopeo", [
      ...["--insecure-policy", "copy", "--src-tls-verify=false"],
      ...[`docker://${registry.host}/library/busybox:latest`, `oci:${layout}:1`],
    ]);
    expect(JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests).toHaveLength(1);
  });

  test("it is a mirror of Docker Hub for who says so, and falls away without harm", async () => {
    const there = another();
    await there.say("images");
    await using mirror = await serve(here.root);
    const use = (mirrors: readonly string[]): void =>
      writeFileSync(join(there.root, "registries.json"), JSON.stringify({ "docker.io": { mirrors } }));
    use([`http://${mirror.host}`]);
    expect((await there.say("pull", "busybox")).split("\n").at(-1)).toBe("docker.io/library/busybox:latest");
    expect(mirror.log()).toMatch(/GET \/v2\/library\/busybox\/manifests\/latest 200/);
    await there.say("rmi", "busybox");
    // With the domain as prefix, one mirror serves several registries.
    use([`http://127.0.0.1:9`, `http://${mirror.host}/docker.io`]);
    await there.say("pull", "-q", "busybox");
    expect(mirror.log()).toMatch(/GET \/v2\/docker\.io\/library\/busybox\/manifests\/latest 200/);
  });

  test("a directory takes pushes and keeps them, unless it is read-only", async () => {
    const store = join(directory, "registry");
    {
      await using registry = await serve(here.root, store);
      await here.say("tag", "busybox", `${registry.host}/team/kept:1`);
      await here.say("push", "-q", `${registry.host}/team/kept:1`);
    }
    await using registry = await serve(here.root, store, "--readonly");
    const there = another();
    await there.say("pull", "-q", `${registry.host}/team/kept:1`);
    await here.say("tag", "busybox", `${registry.host}/team/other:1`);
    expect((await here.call(["push", `${registry.host}/team/other:1`])).stderr).toMatch(/read-only/);
  });

  test("a cache fetches once, and serves on when the registry behind it is gone", async () => {
    await using behind = await serve(here.root);
    await using cache = await serve(another().root, join(directory, "cache"), "--proxy", `http://${behind.host}`);
    await another().say("pull", "-q", `${cache.host}/library/busybox`);
    const asked = behind.log().split("\n").length;
    await another().say("pull", "-q", `${cache.host}/library/busybox`);
    // Only whether the tag still means the same.
    expect(behind.log().split("\n").length - asked).toBe(1);
    await behind.stop();
    await another().say("pull", "-q", `${cache.host}/library/busybox`);
  });

  const wrong = [
    { args: ["--listen", "nowhere"], is: /invalid argument "nowhere" for --listen/, why: "no address" },
    { args: ["--listen", "127.0.0.1:99999"], is: /invalid argument/, why: "no port" },
    { args: ["--proxy", "docker.io"], is: /name a directory for it/, why: "a cache in the store itself" },
    { args: ["/nonexistent/x", "--readonly"], is: /holds no images yet/, why: "nothing to serve" },
    { args: ["--proxy", "ftp://x/y", "/tmp/none"], is: /for --proxy/, why: "no registry behind it" },
  ];
  for (const { args, is, why } of wrong)
    test(`${why}: refused in one line`, async () => {
      const done = await here.call(["registry", "serve", "--listen", "127.0.0.1:0", ...args]);
      expect(done.status).not.toBe(0);
      expect(done.stderr).toMatch(is);
      expect(done.stderr.trimEnd().split("\n")).toHaveLength(1);
    });

  test("an address that is taken: refused in one line", async () => {
    await using registry = await serve(here.root);
    const done = await here.call(["registry", "serve", "--listen", registry.host]);
    expect(done).toMatchObject({ status: 1 });
    expect(done.stderr).toMatch(/^ctr: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/);
  });
});
