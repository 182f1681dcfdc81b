import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ImageStore, openStore, thisPlatform } from "@ctr/image-store";
import { compress, tarDirectory } from "@ctr/layers";
import { makeDigest, mediaTypes } from "@ctr/oci";
import { openOverlay } from "@ctr/overlayfs";
import { onTestFinished } from "vitest";
import { layerDirectories } from "../src/host/base-image.ts";
import { Tree } from "../src/host/tree.ts";
import { type BuildEvent, type BuildOptions, type BuildResult, build, buildImage, explainCause } from "../src/index.ts";
import { busybox, ChrootWorker } from "./chroot-worker.ts";

/** A store with a base image, and a context to build from, in a directory that goes after the test. */
export class Site {
  readonly root: string;
  readonly context: string;
  readonly store: ImageStore;
  readonly worker = new ChrootWorker();

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "ctr-builder-"));
    this.context = join(this.root, "context");
    mkdirSync(this.context);
    this.store = openStore({ root: join(this.root, "store") });
    onTestFinished(() => {
      this.store.close();
      rmSync(this.root, { recursive: true, force: true });
    });
  }

  /** Write files into the context; a name that ends with a slash is a directory. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.context, name);
      mkdirSync(name.endsWith("/") ? path : dirname(path), { recursive: true });
      if (!name.endsWith("/")) writeFileSync(path, text);
    }
  }

  build(dockerfile: string, options: Partial<BuildOptions> = {}): Promise<BuildResult> {
    return buildImage({ store: this.store, worker: this.worker, context: this.context, text: dockerfile, ...options });
  }

  /** Build and say what became of the steps that change files. */
  async decisions(dockerfile: string, options: Partial<BuildOptions> = {}): Promise<string[]> {
    const { events } = await this.build(dockerfile, options);
    return decisionsOf(events);
  }

  /** Events and error of a build that fails. */
  async fail(
    dockerfile: string,
    options: Partial<BuildOptions> = {},
  ): Promise<{ events: BuildEvent[]; error: unknown }> {
    const events: BuildEvent[] = [];
    try {
      const all = { store: this.store, worker: this.worker, context: this.context, text: dockerfile, ...options };
      for await (const event of build(all)) events.push(event);
    } catch (error) {
      return { events, error };
    }
    throw new Error("the build did not fail");
  }

  /** The files of an image, as a container would see them. */
  files(image: string): Tree {
    const chainId = this.store.resolve(image).variant.chainId;
    const empty = join(this.root, "empty");
    mkdirSync(empty, { recursive: true });
    const tree = new Tree(openOverlay({ lowers: [...layerDirectories(this.store, chainId), empty] }));
    onTestFinished(() => tree[Symbol.dispose]());
    return tree;
  }

  /** Put an image `busybox` of one layer into the store, not unpacked, as a pull leaves it. */
  async addBase(
    o: { readonly env?: readonly string[]; readonly onbuild?: readonly string[]; readonly motd?: string } = {},
  ): Promise<void> {
    const layer = join(this.root, `base-${Math.random()}`);
    mkdirSync(layer);
    for (const name of ["bin", "etc", "dev", "tmp", "usr/share"]) mkdirSync(join(layer, name), { recursive: true });
    chmodSync(join(layer, "tmp"), 0o1777);
    copyFileSync(busybox, join(layer, "bin/busybox"));
    for (const name of [
      "sh",
      "cat",
      "ls",
      "echo",
      "rm",
      "mkdir",
      "chmod",
      "touch",
      "true",
      "false",
      "env",
      "id",
      "test",
    ])
      symlinkSync("busybox", join(layer, "bin", name));
    writeFileSync(join(layer, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n");
    writeFileSync(join(layer, "etc/group"), "root:x:0:\nnode:x:1001:\nstaff:x:50:node\n");
    writeFileSync(join(layer, "etc/motd"), o.motd ?? "hello");
    symlinkSync("usr/share", join(layer, "share"));
    for (const name of ["etc/passwd", "etc/group", "etc/motd", "bin/busybox"]) utimesSync(join(layer, name), 1, 1);
    await addImage(this.store, {
      name: "busybox",
      layer,
      config: { Env: o.env ?? ["PATH=/bin"], Cmd: ["sh"], ...(o.onbuild && { OnBuild: o.onbuild }) },
    });
  }
}

async function addImage(
  store: ImageStore,
  o: { readonly name: string; readonly layer: string; readonly config: object },
): Promise<void> {
  const hash = createHash("sha256");
  async function* archive(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tarDirectory({ directory: o.layer, sourceDateEpoch: 1_000_000 })) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const blob = await store.writeBlob(compress({ source: archive(), format: "gzip", level: 1 }));
  const write = async (mediaType: string, value: object) => ({
    mediaType,
    ...(await store.writeBlob(Buffer.from(JSON.stringify(value)))),
  });
  const config = await write(mediaTypes.config, {
    ...thisPlatform(),
    created: "2020-01-01T00:00:00Z",
    config: o.config,
    rootfs: { type: "layers", diff_ids: [makeDigest("sha256", hash.digest("hex"))] },
    history: [{ created: "2020-01-01T00:00:00Z", created_by: "base" }],
  });
  const layers = [{ mediaType: mediaTypes.dockerLayerGzip, ...blob }];
  const target = await write(mediaTypes.dockerManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: { ...config, mediaType: mediaTypes.dockerConfig },
    layers,
  });
  await store.addImage({ target, names: [o.name] });
}

/** `2 reused`, `3 ran: src/a.js changed`: steps that only note something are left out. */
export function decisionsOf(events: readonly BuildEvent[]): string[] {
  return events
    .filter((event) => event.type === "stepFinished")
    .sort((a, b) => a.step - b.step)
    .flatMap(({ step, outcome }) => {
      if (outcome.decision === "metadata") return [];
      return [
        outcome.decision === "reused"
          ? `${step} reused`
          : `${step} ran: ${outcome.causes.map(explainCause).join(", ")}`,
      ];
    });
}
