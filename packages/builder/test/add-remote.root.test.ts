import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missing } from "./chroot-worker.ts";
import { gitMissing, LocalRepository, LocalServer, serveRepositories } from "./local-server.ts";
import { Site } from "./site.ts";

async function site(): Promise<Site> {
  const made = new Site();
  await made.addBase();
  return made;
}

const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");
const secret = (text: string) => (): Uint8Array => Buffer.from(text);

/** Serves files that can be changed. */
async function serveFiles(files: Record<string, { body: string | Buffer; headers?: Record<string, string> }>) {
  return LocalServer.start((request, response) => {
    const file = files[request.url!];
    if (file === undefined) return void response.writeHead(404).end("no");
    const etag = `"${sha256(file.body)}"`;
    const unchanged = request.headers["if-none-match"] === etag;
    response.writeHead(unchanged ? 304 : 200, { etag, ...file.headers });
    response.end(unchanged ? undefined : file.body);
  });
}

describe.skipIf(missing !== undefined)(`ADD of URLs${missing === undefined ? "" : ` (${missing})`}`, () => {
  test("a file of mode 600, with the server's time, named by its address", async () => {
    const here = await site();
    const headers = { "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT" };
    const server = await serveFiles({ "/a%20b?x=1": { body: "one", headers }, "/": { body: "nameless" } });
    const dockerfile = [
      "FROM busybox",
      `ADD ${server.url}/a%20b?x=1 /new/`,
      `ADD --chmod=755 --chown=node ${server.url}/a%20b?x=1 /other`,
      `ADD ${server.url}/ /dir/`,
    ];
    await here.build(dockerfile.join("\n"), { tags: ["x"] });
    const tree = here.files("x");
    expect(tree.text("new/a b", 10)).toBe("one");
    expect(tree.status("new/a b")).toMatchObject({ mode: 0o600, uid: 0, gid: 0, mtime: 1_000_000_000_000_000_000n });
    expect(tree.status("other")).toMatchObject({ mode: 0o755, uid: 1000, gid: 1001 });
    expect(tree.names("dir")).toEqual(["__unnamed__"]);
    expect(server.seen.map(({ path }) => path)).toEqual(["/a%20b?x=1", "/"]); // once in a build
  });

  test("a name that only the answer has", async () => {
    const here = await site();
    const headers = { "content-disposition": 'attachment; filename="../../evil"' };
    const server = await serveFiles({ "/": { body: "x", headers } });
    await here.build(`FROM scratch\nADD ${server.url}/ /d/\n`, { tags: ["x"] });
    expect(here.files("x").names("d")).toEqual(["evil"]);
  });

  test("the content is the key: unchanged, no byte comes a second time; changed, the step runs and says so", async () => {
    const here = await site();
    const files = { "/f": { body: "one" } };
    const server = await serveFiles(files);
    const dockerfile = `FROM scratch\nADD ${server.url}/f /f\n`;
    await here.build(dockerfile);
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    expect(server.seen.map(({ status }) => status)).toEqual([200, 304]);
    files["/f"].body = "two";
    expect(await here.decisions(dockerfile, { tags: ["x"] })).toEqual([`2 ran: ${server.url}/f changed`]);
    expect(here.files("x").text("f", 10)).toBe("two");
  });

  test("--checksum: right, nothing is asked again; wrong, nothing is made", async () => {
    const here = await site();
    const server = await serveFiles({ "/f": { body: "one" } });
    const add = (sum: string): string => `FROM scratch\nADD --checksum=sha256:${sum} ${server.url}/f /f\n`;
    await here.build(add(sha256("one")));
    expect(await here.decisions(add(sha256("one")))).toEqual(["2 reused"]);
    expect(server.seen.length).toBe(1);
    expect((await here.fail(add(sha256("two")))).error).toMatchObject({
      code: "ERR_BUILDER_DOWNLOAD",
      line: 2,
      message: `digest mismatch for ${server.url}/f: sha256:${sha256("one")} (expected: sha256:${sha256("two")})`,
    });
    const wrong = [
      { flags: "--checksum=sha256:12 URL /f", says: "invalid checksum digest format" },
      { flags: `--checksum=sha256:${sha256("x")} URL URL /f/`, says: "multiple sources" },
      { flags: `--checksum=sha256:${sha256("x")} f /f`, says: "requires HTTP(S) or Git sources" },
    ];
    for (const { flags, says } of wrong) {
      const text = `FROM scratch\nADD ${flags.replaceAll("URL", `${server.url}/f`)}\n`;
      expect((await here.fail(text)).error).toMatchObject({ message: expect.stringContaining(says), line: 2 });
    }
  });

  test("--unpack: an archive from elsewhere stays one unless it says so", async () => {
    const here = await site();
    here.write({ "in/f": "f" });
    const body = execFileSync("tar", ["-C", join(here.context, "in"), "-cz", "f"]);
    const server = await serveFiles({ "/a.tgz": { body } });
    const add = `ADD ${server.url}/a.tgz`;
    await here.build(`FROM scratch\n${add} /x/\n${add.replace("ADD", "ADD --unpack=true")} /y/\n`, { tags: ["x"] });
    const tree = here.files("x");
    expect([tree.names("x"), tree.names("y")]).toEqual([["a.tgz"], ["f"]]);
  });

  const failures = [
    { path: "/missing", says: "invalid response status 404", why: "not there" },
    { path: "/loop", says: "more than 10 redirects", why: "a loop of redirects" },
    { path: "/file", says: "file:, which is not HTTP", why: "a redirect to this machine's files" },
    { path: "/password", says: "carries a password", why: "a redirect with a password" },
    { path: "/cut", says: "failed to load", why: "a connection that breaks" },
  ];
  for (const { path, says, why } of failures)
    test(`${path}: ${why}`, async () => {
      const here = await site();
      const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
        "/loop": (response) => response.writeHead(302, { location: "/loop" }).end(),
        "/file": (response) => response.writeHead(302, { location: "file:///etc/shadow" }).end(),
        "/password": (response) => response.writeHead(302, { location: "http://a:b@127.0.0.1/" }).end(),
        "/cut": (response) => {
          response.writeHead(200, { "content-length": "100" }).write("x", () => response.destroy());
        },
      };
      const server = await LocalServer.start((request, response) => {
        const answer = answers[request.url!];
        if (answer === undefined) response.writeHead(404).end();
        else answer(response);
      });
      const { error } = await here.fail(`FROM scratch\nARG A\nADD ${server.url}${path} /\n`);
      expect(error).toMatchObject({ code: "ERR_BUILDER_DOWNLOAD", line: 3, message: expect.stringContaining(says) });
    });

  test("security: a password is for its own server, and in no message, record or layer", async () => {
    const here = await site();
    const other = await serveFiles({ "/f": { body: "one" } });
    const server = await LocalServer.start((_, response) => {
      response.writeHead(302, { location: `${other.url}/f` }).end();
    });
    const address = `http://user:hunter2@127.0.0.1:${server.port}/f`;
    const { events } = await here.build(`FROM scratch\nADD ${address} /f\n`, { tags: ["x"] });
    expect(JSON.stringify(events)).not.toContain("hunter2");
    expect(JSON.stringify((await here.store.read(here.store.resolve("x"))).config)).not.toContain("hunter2");
    for (const name of readdirSync(here.store.root).filter((one) => one.startsWith("ctr.db")))
      expect(readFileSync(join(here.store.root, name)).includes("hunter2"), name).toBe(false);
    const basic = `Basic ${Buffer.from("user:hunter2").toString("base64")}`;
    expect(server.seen[0]?.headers.authorization).toBe(basic);
    expect(other.seen[0]?.headers.authorization).toBeUndefined();
    const { error } = await here.fail(`FROM scratch\nADD ${address.replace("/f", "/g").replace(/:\d+/, ":1")} /f\n`);
    expect((error as Error).message).not.toContain("hunter2");
  });

  test("a build that is stopped waits for no answer, nor for the rest of one", async () => {
    for (const first of ["", "x"]) {
      const here = await site();
      const stop = new AbortController();
      const server = await LocalServer.start((_, response) => {
        if (first !== "") response.write(first);
        setImmediate(() => stop.abort(new Error("enough")));
      });
      const { error } = await here.fail(`FROM scratch\nADD ${server.url}/f /\n`, { signal: stop.signal });
      expect(error).toMatchObject({ message: "enough" });
    }
  });

  test("security: what a secret says goes to the host that it is for", async () => {
    const here = await site();
    const server = await serveFiles({ "/f": { body: "one" } });
    const secrets = { [`HTTP_AUTH_TOKEN_127.0.0.1:${server.port}`]: secret("t0ken\n") };
    await here.build(`FROM scratch\nADD ${server.url}/f /f\n`, { secrets });
    expect(server.seen[0]?.headers.authorization).toBe("Bearer t0ken");
  });
});

describe.skipIf((missing ?? gitMissing) !== undefined)(`ADD of repositories${missing ?? gitMissing ?? ""}`, () => {
  test("branches, tags, commits and directories; nothing of git's own unless asked for", async () => {
    const here = await site();
    const repository = new LocalRepository(join(here.root, "git/app"));
    mkdirSync(join(repository.directory, "sub"));
    writeFileSync(join(repository.directory, "sub/run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(repository.directory, "f"), "one");
    const first = repository.commit();
    repository.git("tag", "--annotate", "--message=x", "v1");
    repository.git("branch", "old");
    writeFileSync(join(repository.directory, "f"), "two");
    const second = repository.commit();
    const server = await serveRepositories(join(here.root, "git"));
    const url = `${server.url}/app/.git`;
    const dockerfile = [
      "FROM busybox",
      `ADD ${url} /head`,
      `ADD ${url}#v1 /tag`,
      `ADD ${url}?branch=old /branch`,
      `ADD ${url}#${first} /commit`,
      `ADD ${url}#main:sub /sub`,
      `ADD --keep-git-dir=true ${url} /kept`,
      `ADD --chown=node --exclude=f ${url} /less`,
      `ADD --checksum=${second.slice(0, 8)} ${url}#main /checked`,
    ];
    await here.build(dockerfile.join("\n"), { tags: ["x"] });
    const tree = here.files("x");
    for (const [name, text] of Object.entries({ head: "two", tag: "one", branch: "one", commit: "one" }))
      expect(tree.text(`${name}/f`, 10), name).toBe(text);
    expect(tree.names("head")).toEqual(["f", "sub"]);
    expect(tree.names("sub")).toEqual(["run.sh"]);
    expect(tree.status("sub/run.sh")).toMatchObject({ mode: 0o755, mtime: 1_000_000_000_000_000_000n });
    expect(tree.names("kept")).toEqual([".git", "f", "sub"]);
    expect(tree.text("kept/.git/HEAD", 100)?.trim()).toBe(second);
    expect(tree.names("less")).toEqual(["sub"]);
    expect(tree.status("less/sub/run.sh")).toMatchObject({ uid: 1000 });
    const { error } = await here.fail(`FROM scratch\nADD --checksum=${first} ${url}#main /\n`);
    expect(error).toMatchObject({
      message: expect.stringContaining(`expected checksum to match ${first}, got ${second}`),
    });
  });

  test("the commit is the key: nothing is fetched for what was built before", async () => {
    const here = await site();
    const repository = new LocalRepository(join(here.root, "git/app"));
    writeFileSync(join(repository.directory, "f"), "one");
    repository.commit();
    const server = await serveRepositories(join(here.root, "git"));
    const dockerfile = `FROM scratch\nADD ${server.url}/app/.git#main /\n`;
    await here.build(dockerfile);
    const asked = server.seen.length;
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    const more = server.seen.slice(asked).map(({ path }) => path);
    expect(more.filter((path) => path.endsWith("/info/refs?service=git-upload-pack")).length).toBe(1);
    expect(more.length).toBeLessThanOrEqual(2); // and the list of refs, in the newer protocol
    writeFileSync(join(repository.directory, "f"), "two");
    repository.commit();
    expect(await here.decisions(dockerfile)).toEqual([`2 ran: ${server.url}/app/.git#main changed`]);
  });

  test("a server of plain files, which knows nothing of git, is asked in another way", async () => {
    const here = await site();
    const repository = new LocalRepository(join(here.root, "git/app"));
    writeFileSync(join(repository.directory, "f"), "one");
    repository.commit();
    repository.git("update-server-info");
    const server = await LocalServer.start((request, response) => {
      const path = join(here.root, "git", new URL(request.url!, "http://x").pathname);
      if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return void response.writeHead(404).end();
      response.writeHead(200);
      createReadStream(path).pipe(response);
    });
    await here.build(`FROM scratch\nADD ${server.url}/app/.git#main /\n`, { tags: ["x"] });
    expect(here.files("x").names("")).toEqual(["f"]);
  });

  test("submodules come along, over the network only (CVE-2022-39253)", async () => {
    const here = await site();
    const inner = new LocalRepository(join(here.root, "git/inner"));
    writeFileSync(join(inner.directory, "i"), "inner");
    inner.commit();
    const outer = new LocalRepository(join(here.root, "git/outer"));
    outer.git("submodule", "--quiet", "add", inner.directory, "inner");
    const build = (url: string) => {
      outer.git("config", "--file=.gitmodules", "submodule.inner.url", url);
      outer.commit();
      return `FROM scratch\nADD ${server.url}/outer/.git /\n`;
    };
    const server = await serveRepositories(join(here.root, "git"));
    await here.build(build("../../inner/.git"), { tags: ["x"] });
    const tree = here.files("x");
    expect(tree.names("inner")).toEqual(["i"]);
    for (const url of [inner.directory, `file://${inner.directory}`, "ext::touch canary"]) {
      const { error } = await here.fail(build(url));
      expect(error, url).toMatchObject({ code: "ERR_BUILDER_DOWNLOAD", line: 2 });
      expect((error as Error).message).toMatch(/transport '(?:file|ext)' not allowed/);
    }
    await here.build(build(inner.directory).replace("/.git ", "/.git?submodules=false "));
  });

  test("security C1: no hook, no filter, no link out of the repository", async () => {
    const here = await site();
    const canary = join(here.root, "canary");
    const repository = new LocalRepository(join(here.root, "git/app"));
    symlinkSync("/etc", join(repository.directory, "etc"));
    symlinkSync(here.root, join(repository.directory, "out"));
    writeFileSync(join(repository.directory, ".gitattributes"), "* filter=evil\n");
    writeFileSync(join(repository.directory, ".gitconfig"), `[filter "evil"]\nsmudge = touch ${canary}\n`);
    repository.commit();
    writeFileSync(join(repository.directory, ".git/hooks/post-checkout"), `#!/bin/sh\ntouch ${canary}\n`, {
      mode: 0o755,
    });
    const server = await serveRepositories(join(here.root, "git"));
    const url = `${server.url}/app/.git`;
    for (const subdir of ["etc", "out/git", "..", "../..", ".git", "none"]) {
      const { error } = await here.fail(`FROM scratch\nADD ${url}#main:${subdir} /\n`);
      expect(error, subdir).toMatchObject({ code: "ERR_BUILDER_NOT_FOUND", line: 2 });
    }
    await here.build(`FROM scratch\nADD ${url} /\n`, { tags: ["x"] });
    expect(here.files("x").readLink("etc")).toBe("/etc");
    expect(statSync(canary, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("security C2: a token is sent, and is no argument, record or file", async () => {
    const here = await site();
    const repository = new LocalRepository(join(here.root, "git/app"));
    writeFileSync(join(repository.directory, "f"), "one");
    repository.commit();
    const basic = `Basic ${Buffer.from("x-access-token:hunter2").toString("base64")}`;
    const allowed = ({ headers }: IncomingMessage): boolean => headers.authorization === basic;
    const server = await serveRepositories(join(here.root, "git"), allowed);
    const dockerfile = `FROM scratch\nADD --keep-git-dir=true ${server.url}/app/.git /\n`;
    const { error } = await here.fail(dockerfile);
    expect(error).toMatchObject({ code: "ERR_BUILDER_DOWNLOAD" });
    await here.build(dockerfile, { tags: ["x"], secrets: { GIT_AUTH_TOKEN: secret("hunter2") } });
    const tree = here.files("x");
    expect(tree.text("f", 10)).toBe("one");
    expect(tree.text(".git/config", 10_000)).not.toContain("hunter2");
    for (const name of readdirSync(here.store.root).filter((one) => one.startsWith("ctr.db")))
      expect(readFileSync(join(here.store.root, name)).includes("hunter2"), name).toBe(false);
  });

  test("a build that is stopped stops its git", async () => {
    const here = await site();
    const stop = new AbortController();
    const server = await LocalServer.start(() => stop.abort(new Error("enough")));
    const { error } = await here.fail(`FROM scratch\nADD ${server.url}/app/.git /\n`, { signal: stop.signal });
    expect(error).toMatchObject({ message: "enough" });
    expect(programsBelow(here.store.root)).toEqual([]);
  });

  const missingRefs = [
    { ref: "none", says: /does not contain ref none/, why: "no such branch" },
    { ref: "0123456789012345678901234567890123456789", says: /failed to fetch/, why: "no such commit" },
  ];
  for (const { ref, says, why } of missingRefs)
    test(`#${ref}: ${why}`, async () => {
      const here = await site();
      const repository = new LocalRepository(join(here.root, "git/app"));
      repository.commit();
      const server = await serveRepositories(join(here.root, "git"));
      const { error } = await here.fail(`FROM scratch\nADD ${server.url}/app/.git#${ref} /\n`);
      expect(error).toMatchObject({ code: "ERR_BUILDER_DOWNLOAD", line: 2, message: expect.stringMatching(says) });
    });
});

/** Processes that were started in a directory below. */
function programsBelow(directory: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && pid !== String(process.pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
    } catch {
      return false; // it has ended
    }
  });
}
