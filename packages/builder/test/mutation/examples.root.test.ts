import { execFileSync } from "node:child_process";
import { closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "@ctr/dockerfile";
import { check } from "@ctr/dockerfile/check";
import { type Engine, openEngine } from "@ctr/engine";
import { openStore } from "@ctr/image-store";
import type { ContainerDefaults } from "@ctr/oci";
import { openOverlay } from "@ctr/overlayfs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layerDirectories } from "../../src/host/base-image.ts";
import { busybox, missing } from "../chroot-worker.ts";
import { Buildah } from "./buildah.ts";
import { exampleDirectory, exampleNames, exampleStories } from "./example-stories.ts";
import { imagesOf } from "./oracle.ts";
import { writeToolbox } from "./toolbox.ts";
import { listTree } from "./tree-list.ts";

// The files of examples/dockerfiles: parsed, checked, built in containers on a base that needs no network, run, and built
// again by Debian's buildah, whose image must be the same.

const textOf = (name: string): string => readFileSync(join(exampleDirectory, name, "Dockerfile"), "utf8");

/** What BuildKit's checks say about them, on purpose or by their nature. */
const findings: Readonly<Record<string, readonly string[]>> = {
  "arg-scopes": ["UndefinedVar"],
  "go-cross": [],
};

describe("examples/dockerfiles", () => {
  test("there are twenty or more, each with its README", () => {
    expect(exampleNames.length).toBeGreaterThanOrEqual(20);
    for (const name of exampleNames) expect(existsSync(join(exampleDirectory, name, "README.md")), name).toBe(true);
  });

  for (const name of exampleNames)
    test(`${name} is parsed and checked`, () => {
      const file = parse(textOf(name));
      expect(file.errors).toEqual([]);
      const { warnings, error } = check(file);
      expect(error).toBeUndefined();
      expect(warnings.map(({ rule }) => rule)).toEqual(findings[name] ?? []);
    });
});

/** What those print that the stand-ins can run. */
const prints: Readonly<Record<string, string>> = {
  "heredoc-scripts": "hello\nmade by a script\n",
  "tool-image": "usage: tool [--self-test]\n",
  "arg-scopes": "one-light\ntwo fixed 1.37\n",
  "secrets-and-network": "package==1.0\n",
  "c-makefile": "hello\n",
};

/** What buildah 1.28, of Debian 12, has not. */
const beyondBuildah: Readonly<Record<string, string>> = {
  "heredoc-scripts": "no heredocs",
  "rust-cache": "no heredocs",
  "static-site": "no heredocs",
  "pnpm-workspace": "no --parents",
  "docs-site": "no --exclude",
  "arg-scopes": `no \${name%suffix}`,
  "secrets-and-network": "no env= of a secret",
  "onbuild-base": "it runs the triggers when it is asked for the files",
};

/** Names that are known to differ, each with why. */
const knownDifferences: readonly (readonly [path: RegExp, why: string])[] = [
  [/^\/root\/\.(?:cache|npm)\b/, "buildah leaves the mount points of RUN --mount, BuildKit removes them"],
  [/^\/tmp\/requirements\.txt$/, "the same"],
  [
    /^\/var\/lib\/seed\/items\.csv$/,
    "ADD --chown of an archive is for its files too since BuildKit 0.23, moby/buildkit#1547",
  ],
];
const isComparable = (line: string): boolean =>
  knownDifferences.every(([path]) => !path.test(line.slice(0, line.indexOf(" "))));

describe.skipIf(missing !== undefined)(`built in containers${missing === undefined ? "" : ` (${missing})`}`, () => {
  const root = mkdtempSync(join(tmpdir(), "ctr-examples-"));
  const hasBuildah = Buildah.isInstalled();
  const buildah = new Buildah(join(root, "buildah"));
  const bases = [...new Set(exampleStories.flatMap(imagesOf))];
  let engine: Engine;

  beforeAll(async () => {
    engine = openEngine({ root: join(root, "state") });
    const toolbox = join(root, "toolbox");
    mkdirSync(toolbox);
    writeToolbox(toolbox, busybox, applets());
    writeFileSync(join(root, "base"), 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/usr/bin:/bin\nCMD ["sh"]\n');
    for await (const _ of engine.build({ context: toolbox, dockerfile: join(root, "base"), tags: bases }));
    if (!hasBuildah) return;
    const archive = join(root, "base.tar");
    const chunks: Uint8Array[] = [];
    for await (const chunk of engine.images.save({ images: [bases[0]!] })) chunks.push(chunk);
    writeFileSync(archive, Buffer.concat(chunks));
    const id = buildah.call("pull", "-q", `docker-archive:${archive}`).trim();
    for (const name of bases) buildah.call("tag", id, name.includes(".") ? name : `docker.io/library/${name}`);
  });

  afterAll(async () => {
    await engine.housekeeping({ network: true });
    engine.close();
    rmSync(root, { recursive: true, force: true });
  });

  for (const name of exampleNames) {
    const unlike = hasBuildah ? beyondBuildah[name] : "buildah is not installed";
    const compared = unlike === undefined ? ", as buildah builds it" : ` (not compared: ${unlike})`;
    test(`${name}${compared}`, async () => {
      const context = copyOf(name, root);
      for await (const _ of engine.build({ context, network: "none", tags: [`example-${name}`] }));
      const ours = await imageOf(join(root, "state"), `example-${name}`);
      if (prints[name] !== undefined) expect(await outputOf(engine, `example-${name}`)).toBe(prints[name]);
      if (unlike !== undefined) return;
      buildah.build({ context, tag: `peer-${name}`, args: [] });
      expect(settingsOf(ours.config)).toEqual(settingsOf(buildah.config(`peer-${name}`)));
      expect(ours.tree.filter(isComparable)).toEqual(buildah.tree(`peer-${name}`).filter(isComparable));
    });
  }
});

const applets = (): string[] =>
  execFileSync(busybox, ["--list"], { encoding: "utf8" })
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox");

/** A copy whose modes do not depend on the umask that the repository was checked out with. */
function copyOf(name: string, root: string): string {
  const context = join(root, "contexts", name);
  cpSync(join(exampleDirectory, name), context, { recursive: true });
  execFileSync("chmod", ["-R", "u=rwX,go=rX", context]);
  return context;
}

async function imageOf(root: string, name: string): Promise<{ config: ContainerDefaults; tree: string[] }> {
  using store = openStore({ root });
  const image = store.resolve(name);
  const { config = {} } = (await store.read(image)).config;
  mkdirSync(join(root, "../empty"), { recursive: true });
  const fd = openOverlay({ lowers: [...layerDirectories(store, image.variant.chainId), join(root, "../empty")] });
  try {
    return { config, tree: listTree(`/proc/self/fd/${fd}`) };
  } finally {
    closeSync(fd);
  }
}

/** The settings that both have; an empty one and a missing one are the same. */
function settingsOf(config: ContainerDefaults): Record<string, unknown> {
  const {
    Env,
    Cmd,
    Entrypoint,
    User,
    WorkingDir,
    Labels,
    ExposedPorts,
    Volumes,
    StopSignal,
    Healthcheck,
    Shell,
    OnBuild,
  } = config;
  const { "io.buildah.version": _, ...labels } = Labels ?? {};
  return {
    ...{ Env, Cmd: Cmd ?? [], Entrypoint: Entrypoint ?? [], User: User ?? "", WorkingDir: WorkingDir || "/" },
    ...{ labels, ExposedPorts: ExposedPorts ?? {}, Volumes: Volumes ?? {}, StopSignal: StopSignal ?? "" },
    ...{ Healthcheck: Healthcheck ?? {}, Shell: Shell ?? [], OnBuild: OnBuild ?? [] },
  };
}

async function outputOf(engine: Engine, image: string): Promise<string> {
  const { id } = await engine.containers.create({ image, network: "none" });
  try {
    const { attachment } = await engine.containers.start(id);
    await engine.containers.wait(id);
    attachment.close();
    return (await Array.fromAsync(engine.containers.logs(id))).map(({ log }) => log).join("");
  } finally {
    await engine.containers.remove(id, { force: true });
  }
}
