import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isBuilderError } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

describe.skipIf(missing !== undefined)(`builds on a real overlay${missing === undefined ? "" : ` (${missing})`}`, () => {
  test("an image of its own: configuration, history, layers", async () => {
    const here = await site({ "hello.txt": "hi" });
    const dockerfile = `ARG TAG=latest
FROM busybox:$TAG
MAINTAINER somebody
ARG VERSION=1
ENV A=\${VERSION}.0 B="x y"
WORKDIR /srv
WORKDIR sub
COPY hello.txt .
RUN echo "$VERSION $A $B" > out && rm /etc/motd
LABEL version=$VERSION
EXPOSE 80 53/udp 7000-7001
VOLUME /data
USER node
SHELL ["/bin/sh", "-ec"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD true
ENTRYPOINT cat
CMD ["out"]
ONBUILD COPY . /src
`;
    const { events } = await here.build(dockerfile, { tags: ["app"], labels: { extra: "yes" } });
    const { config, manifest } = await here.store.read(here.store.resolve("app"));
    expect(config.config).toEqual({
      Env: ["PATH=/bin", "A=1.0", "B=x y"],
      Cmd: ["out"],
      Entrypoint: ["/bin/sh", "-ec", "cat"],
      WorkingDir: "/srv/sub",
      Labels: { version: "1", extra: "yes" },
      ExposedPorts: { "80/tcp": {}, "53/udp": {}, "7000/tcp": {}, "7001/tcp": {} },
      Volumes: { "/data": {} },
      User: "node",
      Shell: ["/bin/sh", "-ec"],
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 5e9 },
      OnBuild: ["COPY . /src"],
    });
    expect(config.author).toBe("somebody");
    const made = config.history!.filter((entry) => entry.empty_layer !== true);
    expect(made.map((entry) => entry.created_by)).toEqual([
      "base",
      "WORKDIR /srv",
      "WORKDIR sub",
      "COPY hello.txt .",
      'RUN |1 VERSION=1 /bin/sh -c echo "$VERSION $A $B" > out && rm /etc/motd',
    ]);
    expect(config.rootfs.diff_ids.length).toBe(5);
    expect(new Set(manifest.layers.map(({ mediaType }) => mediaType)).size).toBe(1);
    const layers = events.flatMap((event) => (event.type === "stepFinished" && event.layer ? [event.layer] : []));
    expect(layers.map(({ digest }) => digest)).toEqual(manifest.layers.slice(1).map(({ digest }) => digest));
    expect(layers.at(-1)!.files).toBe(5); // srv, srv/sub, srv/sub/out, etc, etc/motd
    const files = here.files("app");
    expect(files.text("srv/sub/out", 100)).toBe("1 1.0 x y\n");
    expect(files.status("etc/motd")).toBeUndefined();
  });

  test("stages: a target builds what it needs, COPY --from takes names and numbers, owners stay", async () => {
    const here = await site();
    const dockerfile = `FROM busybox AS build
RUN mkdir /out && echo made > /out/app && chmod 755 /out/app && touch /out/other
FROM busybox AS unused
RUN false
FROM build AS more
RUN echo more > /out/more
FROM scratch
COPY --from=build /out/app /bin/
COPY --from=2 --chown=1:2 /out/more /etc/motd /
COPY --from=busybox /etc/passwd /etc/
`;
    const { events } = await here.build(dockerfile, { tags: ["small"] });
    const started = events.filter((event) => event.type === "stepStarted");
    expect(started.map(({ stage }) => stage)).not.toContain("unused");
    expect(started[0]!.total).toBe(8);
    const files = here.files("small");
    expect(files.names("")).toEqual(["bin", "etc", "more", "motd"]);
    expect(files.text("bin/app", 10)).toBe("made\n");
    expect(files.status("bin/app")).toMatchObject({ mode: 0o755, uid: 0 });
    expect(files.status("motd")).toMatchObject({ uid: 1, gid: 2, mtime: 1_000_000_000n });
    const { config } = await here.store.read(here.store.resolve("small"));
    expect(config.config?.Env).toEqual(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]);
    expect(await here.decisions(dockerfile, { target: "more" })).toEqual(["2 reused", "4 reused"]);
  });

  test("a stage that runs again and makes the same files lets the copies from it be reused", async () => {
    const here = await site({ version: "1" });
    const dockerfile = `FROM busybox AS build
COPY version /version
RUN echo same > /app
FROM busybox
COPY --from=build /app /app
`;
    await here.build(dockerfile);
    here.write({ version: "2" });
    expect(await here.decisions(dockerfile)).toEqual(["2 ran: version changed", "3 ran: step 2 ran", "5 reused"]);
  });

  test("an intermediate stage has no archive until an image needs it", async () => {
    const here = await site();
    const dockerfile = "FROM busybox AS a\nRUN echo x > /x\nFROM scratch\nCOPY --from=a /x /\n";
    const { events } = await here.build(dockerfile);
    const layer = events.flatMap((event) => (event.type === "stepFinished" && event.layer ? [event.layer] : []));
    expect(layer[0]!.digest).toBeUndefined();
    await here.build(dockerfile, { target: "a", tags: ["a"] });
    const { manifest } = await here.store.read(here.store.resolve("a"));
    expect(here.store.findBlob(manifest.layers[1]!.digest)?.size).toBe(manifest.layers[1]!.size);
  });

  test("COPY makes the same layer whenever and wherever it is done", async () => {
    const layersOf = async (): Promise<string[]> => {
      const here = await site({ "d/f": "f", "d/e/g": "g" });
      execFileSync("find", [here.context, "-exec", "touch", "-h", "-d", "@1000000000", "{}", "+"]);
      const { events } = await here.build("FROM busybox\nCOPY d /usr/share/d\nCOPY <<EOF /new/deep/file\nx\nEOF\n");
      return events.flatMap((event) => (event.type === "stepFinished" && event.layer ? [event.layer.digest!] : []));
    };
    expect(await layersOf()).toEqual(await layersOf());
  });

  test(".dockerignore: ignored files are not there, exceptions are, and no change of them is one", async () => {
    const here = await site({
      ".dockerignore": "*.log\nnode_modules\n!node_modules/keep/me\nsecret*",
      "a.log": "",
      "a.txt": "a",
      "node_modules/keep/me": "m",
      "node_modules/other/x": "x",
      secret: "s",
    });
    const dockerfile = "FROM scratch\nCOPY . /\n";
    await here.build(dockerfile, { tags: ["all"] });
    const files = here.files("all");
    expect(files.names("")).toEqual([".dockerignore", "a.txt", "node_modules"]);
    expect(files.names("node_modules")).toEqual(["keep"]);
    here.write({ "a.log": "more", "node_modules/other/x": "y" });
    expect(await here.decisions(dockerfile)).toEqual(["2 reused"]);
    for (const name of ["secret", "missing"]) {
      const { error } = await here.fail(`FROM scratch\nARG A\nCOPY a.txt ${name} /\n`);
      expect(error).toMatchObject({
        code: "ERR_BUILDER_NOT_FOUND",
        line: 3,
        message: `COPY failed: file not found in build context or excluded by .dockerignore: stat ${name}: file does not exist`,
      });
    }
  });

  test("heredocs: a script for the shell, a program of its own, files", async () => {
    const here = await site();
    await here.build(
      `FROM busybox
RUN <<EOF
echo one > /one
echo two > /two
