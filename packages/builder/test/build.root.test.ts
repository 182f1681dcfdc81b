import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { build, isBuilderError } from "../src/index.ts";
import { missing } from "./chroot-worker.ts";
import { Site } from "./site.ts";

async function site(files: Readonly<Record<string, string>> = {}): Promise<Site> {
  const made = new Site();
  await made.addBase();
  made.write(files);
  return made;
}

const everything = `ARG TAG=latest
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

describe.skipIf(missing !== undefined)(
  `builds on a real overlay${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    test("an image of its own: configuration, history, layers", async () => {
      const here = await site({ "hello.txt": "hi" });
      const { events } = await here.build(everything, { tags: ["app"], labels: { extra: "yes" } });
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

    test("again: everything is reused and it is the same image", async () => {
      const here = await site({ "hello.txt": "hi" });
      const first = await here.build(everything, { tags: ["app"] });
      const second = await here.build(everything, { tags: ["app"] });
      expect(second).toMatchObject({ id: first.id, manifest: first.manifest, names: ["docker.io/library/app:latest"] });
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

    test("heredocs: a script for the shell, a program of its own, files", async () => {
      const here = await site();
      const dockerfile = `FROM busybox
RUN <<EOF
echo one > /one
echo two > /two
EOF
RUN <<-'END'
	#!/bin/cat
	I print myself
END
RUN cat <<A > /both && cat <<B >> /both
from $PATH a
A
from b
B
COPY --chmod=700 --chown=node <<one <<"two" /files/
$PATH
one
$PATH
two
`;
      const { events } = await here.build(dockerfile, { tags: ["here"] });
      const printed = events.flatMap((event) => (event.type === "stepOutput" ? [Buffer.from(event.chunk)] : []));
      expect(Buffer.concat(printed).toString()).toBe("#!/bin/cat\nI print myself\n");
      const files = here.files("here");
      expect(files.text("one", 10)).toBe("one\n");
      expect(files.text("two", 10)).toBe("two\n");
      expect(files.text("both", 100)).toBe("from /bin a\nfrom b\n");
      expect(files.text("files/one", 100)).toBe("/bin\n");
      expect(files.text("files/two", 100)).toBe("$PATH\n");
      expect(files.status("files/one")).toMatchObject({ mode: 0o700, uid: 1000, gid: 1001 });
    });

    test("a command that fails: exit code, line, last lines; nothing of it is kept", async () => {
      const here = await site();
      const dockerfile = "FROM busybox\n\nRUN echo some > /f; echo went wrong >&2; exit 7\n";
      const { events, error } = await here.fail(dockerfile);
      expect(isBuilderError(error)).toBe(true);
      const place = { line: 3, column: 1, file: "Dockerfile" };
      expect(error).toMatchObject({ code: "ERR_BUILDER_RUN_FAILED", exitCode: 7, output: "went wrong", ...place });
      expect((error as Error).message).toBe(
        'process "/bin/sh -c echo some > /f; echo went wrong >&2; exit 7" did not complete successfully: exit code: 7',
      );
      expect(events.at(-1)?.type).toBe("stepOutput");
      expect(readdirSync(join(here.store.root, "tmp"))).toEqual([]);
      expect((await here.fail(dockerfile)).error).toMatchObject({ exitCode: 7 });
    });

    test("an abort stops the command and leaves nothing", async () => {
      const here = await site();
      const stop = new AbortController();
      const building = here.build("FROM busybox\nRUN echo go; while true; do true; done\n", {
        signal: stop.signal,
        worker: {
          run: (request) =>
            here.worker.run({
              ...request,
              output: (...output) => {
                request.output(...output);
                stop.abort(new Error("enough"));
              },
            }),
        },
      });
      await expect(building).rejects.toThrow("enough");
      expect(readdirSync(join(here.store.root, "tmp"))).toEqual([]);
    });

    test("ONBUILD of a base image is done first, and is not inherited further", async () => {
      const here = await site({ "x.txt": "x" });
      await here.addBase({ onbuild: ["COPY *.txt /txt/", "RUN echo seen > /seen"] });
      const { events } = await here.build("FROM busybox\nRUN cat /txt/x.txt /seen > /all\n", { tags: ["child"] });
      expect(here.files("child").text("all", 100)).toBe("xseen\n");
      const steps = events.filter((event) => event.type === "stepStarted");
      expect(steps.map(({ line, instruction }) => `${line} ${instruction}`).slice(1, 3)).toEqual([
        "1 COPY *.txt /txt/",
        "1 RUN echo seen > /seen",
      ]);
      const { config } = await here.store.read(here.store.resolve("child"));
      expect(config.config?.OnBuild).toBeUndefined();
    });

    test("stages that do not need each other run at the same time", async () => {
      const here = await site();
      // Each waits for the file of the other, so one after the other would never end.
      const both = join(here.root, "both");
      execFileSync("mkdir", [both]);
      const run = async (name: string, other: string): Promise<void> => {
        execFileSync("touch", [join(both, name)]);
        while (!readdirSync(both).includes(other)) await new Promise((resolve) => setImmediate(resolve));
      };
      await here.build(
        "FROM busybox AS a\nRUN a\nFROM busybox AS b\nRUN b\nFROM scratch\nCOPY --from=a / /a\nCOPY --from=b / /b\n",
        {
          worker: {
            run: async ({ args }) => {
              await (args.at(-1) === "a" ? run("a", "b") : run("b", "a"));
              return { exitCode: 0 };
            },
          },
        },
      );
    });

    test("the first failure stops the other stages", async () => {
      const here = await site();
      const dockerfile = "FROM busybox AS a\nRUN long\nFROM busybox\nRUN bad\nCOPY --from=a / /\n";
      const { error } = await here.fail(dockerfile, {
        worker: {
          run: async ({ args, signal }) => {
            if (args.at(-1) === "bad") return { exitCode: 3 };
            await new Promise<void>((resolve) => signal!.addEventListener("abort", () => resolve()));
            return { exitCode: 0 };
          },
        },
      });
      expect(error).toMatchObject({ exitCode: 3, line: 4 });
    });

    test("what overlay could keep as a note is in the layer as files: directories that move, modes that change", async () => {
      const here = await site();
      const steps =
        "RUN mkdir -p /a/b && echo f > /a/b/f\nRUN busybox mv /a /moved && chmod 700 /bin/busybox\nRUN rm -r /moved/b && mkdir /moved/b\n";
      await here.build(`FROM busybox\n${steps}FROM scratch\nCOPY --from=0 / /\n`, { tags: ["moved"] });
      const files = here.files("moved");
      expect(files.status("a")).toBeUndefined();
      expect(files.names("moved")).toEqual(["b"]);
      expect(files.names("moved/b")).toEqual([]);
      expect(files.status("bin/busybox")?.size).toBeGreaterThan(1000);
    });

    test("builds that died leave directories, and the next build takes them away", async () => {
      const here = await site();
      const tmp = join(here.store.root, "tmp");
      execFileSync("mkdir", ["-p", join(tmp, "build-1-1-00000000-abcd/1/upper/x"), join(tmp, "build-else")]);
      await here.build("FROM busybox\nRUN true\n");
      expect(readdirSync(tmp)).toEqual(["build-else"]);
    });

    test("two builds of one file at once both succeed, with one image", async () => {
      const here = await site({ f: "f" });
      const dockerfile = "FROM busybox\nCOPY f /f\n";
      const options = { args: { SOURCE_DATE_EPOCH: "1000" } };
      const [a, b] = await Promise.all([here.build(dockerfile, options), here.build(dockerfile, options)]);
      expect(a.id).toBe(b.id);
    });

    test("leaving the events early stops the build", async () => {
      const here = await site();
      const all = { store: here.store, worker: here.worker, context: here.context };
      for await (const event of build({ ...all, text: "FROM busybox\nRUN echo go; while true; do true; done\n" }))
        if (event.type === "stepOutput") break;
      expect(readdirSync(join(here.store.root, "tmp"))).toEqual([]);
    });

    test("unknown images, stages and targets", async () => {
      const here = await site();
      const failures = [
        { dockerfile: "FROM nosuch:1\n", is: { code: "ERR_BUILDER_IMAGE", line: 1, column: 6 } },
        { dockerfile: "FROM busybox\nCOPY --from=nosuch / /\n", is: { code: "ERR_BUILDER_IMAGE", line: 2 } },
        { dockerfile: "FROM busybox\n", target: "x", is: { code: "ERR_BUILDER_TARGET" } },
        { dockerfile: "FROM $NONE\n", is: { code: "ERR_BUILDER_OPERAND", line: 1 } },
        { dockerfile: "FROM busybox\nEXPOSE no\n", is: { code: "ERR_BUILDER_OPERAND", line: 2 } },
        { dockerfile: "FROM busybox\nCOPY --chown=nobody /etc /\n", is: { code: "ERR_BUILDER_NOT_FOUND" } },
        { dockerfile: "FROM busybox\nUSER nobody\nWORKDIR /x\n", is: { code: "ERR_BUILDER_OPERAND", line: 3 } },
        { dockerfile: "FROM busybox\nRUN ${x\nNOPE\n", is: { code: "ERR_DOCKERFILE_UNKNOWN_INSTRUCTION", line: 3 } },
      ];
      for (const { dockerfile, target, is } of failures)
        expect((await here.fail(dockerfile, target === undefined ? {} : { target })).error, dockerfile).toMatchObject(
          is,
        );
    });

    test("build arguments that nothing asked for are told, and do no harm", async () => {
      const here = await site();
      const { events } = await here.build("ARG G=1\nFROM busybox\nARG G\nRUN echo $G $HTTP_PROXY\n", {
        args: { G: "2", X: "y", HTTP_PROXY: "proxy" },
      });
      expect(events[0]).toEqual({
        type: "warning",
        message: "One or more build-args [X] were not consumed",
        line: undefined,
      });
      const printed = events.flatMap((event) => (event.type === "stepOutput" ? [Buffer.from(event.chunk)] : []));
      expect(Buffer.concat(printed).toString()).toBe("2 proxy\n");
    });

    test("SOURCE_DATE_EPOCH: no time in the image is later", async () => {
      const here = await site({ f: "f" });
      const options = { tags: ["epoch"], args: { SOURCE_DATE_EPOCH: "1000" } };
      const first = await here.build("FROM busybox\nWORKDIR /w\nCOPY f f\nRUN touch g\n", options);
      const again = await here.build("FROM busybox\nWORKDIR /w\nCOPY f f\nRUN touch g\n", {
        ...options,
        noCache: true,
      });
      expect(again.id).toBe(first.id);
      const { config } = await here.store.read(here.store.resolve("epoch"));
      expect(config.created).toBe("1970-01-01T00:16:40.000Z");
    });
  },
);
