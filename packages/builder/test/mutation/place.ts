import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ImageStore, openStore, thisPlatform } from "@ctr/image-store";
import { compress, tarDirectory } from "@ctr/layers";
import { type Digest, makeDigest, mediaTypes, parsePlatform, parseReference } from "@ctr/oci";
import { type BuildResult, buildImage, type RunWorker } from "../../src/index.ts";
import { type Story, type StoryBase, type StoryFile, storyTime } from "./story.ts";

/** A directory with a store and a context, in which the builds of one story follow each other. */
export class BuildPlace implements Disposable {
  readonly root: string;
  readonly context: string;
  readonly store: ImageStore;
  readonly #worker: RunWorker;
  #files: Readonly<Record<string, StoryFile>> = {};
  #bases = "";

  constructor(worker: RunWorker) {
    this.root = mkdtempSync(join(fastest(), "ctr-mutation-"));
    this.context = join(this.root, "context");
    mkdirSync(this.context);
    mkdirSync(join(this.root, "empty"));
    this.store = openStore({ root: join(this.root, "store") });
    this.#worker = worker;
  }

  [Symbol.dispose](): void {
    this.store.close();
    rmSync(this.root, { recursive: true, force: true });
  }

  /** @param images  Names of the images that are the story's base */
  async build(story: Story, images: readonly string[]): Promise<BuildResult> {
    this.#write(story.files);
    await this.#addBases(story.base, images);
    const {
      target,
      noCache,
      noCacheStages,
      platform,
      network,
      addHost,
      hostname,
      labels,
      tags,
      secrets,
      sourceDateEpoch,
    } = story.options;
    return buildImage({
      store: this.store,
      worker: this.#worker,
      context: this.context,
      args: story.args,
      allow: ["network.host", "security.insecure"],
      secrets: Object.fromEntries(
        Object.entries(secrets ?? {}).map(([id, value]) => [id, async () => new TextEncoder().encode(value)]),
      ),
      ...(target !== undefined && { target }),
      ...(noCache !== undefined && { noCache }),
      ...(noCacheStages !== undefined && { noCacheStages }),
      ...(platform !== undefined && { platform: parsePlatform(platform, thisPlatform()) }),
      ...(network !== undefined && { network }),
      ...(addHost !== undefined && { commandOptions: { "--add-host": addHost } }),
      ...(hostname !== undefined && { hostname }),
      ...(labels !== undefined && { labels }),
      ...(tags !== undefined && { tags }),
      ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    });
  }

  // Only what differs: a file that is written anew has another time, which must be of no importance.
  #write(files: Readonly<Record<string, StoryFile>>): void {
    for (const path of Object.keys(this.#files)) if (!(path in files)) this.#remove(path);
    for (const [path, file] of Object.entries(files)) {
      if (this.#files[path] === file) continue;
      const target = join(this.context, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.text, "latin1");
      chmodSync(target, file.mode);
      utimesSync(target, file.time, file.time);
    }
    this.#files = files;
  }

  /** The directories that it was alone in go with it. */
  #remove(path: string): void {
    rmSync(join(this.context, path));
    for (let directory = dirname(path); directory !== "."; directory = dirname(directory)) {
      if (readdirSync(join(this.context, directory)).length > 0) return;
      rmdirSync(join(this.context, directory));
    }
  }

  async #addBases(base: StoryBase, images: readonly string[]): Promise<void> {
    const wanted = JSON.stringify([base, images]);
    if (wanted === this.#bases) return;
    const directory = mkdtempSync(join(this.root, "base-"));
    for (const name of ["tmp", "bin", "dev", "root", "home"]) mkdirSync(join(directory, name));
    for (const [path, text] of Object.entries(base.files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
      chmodSync(join(directory, path), text.startsWith("#!") ? 0o755 : 0o644);
      utimesSync(join(directory, path), storyTime, storyTime);
    }
    await addImage(this.store, base, directory, images.filter(isReference));
    rmSync(directory, { recursive: true });
    this.#bases = wanted;
  }
}

/** One image of one layer, under many names. */
async function addImage(
  store: ImageStore,
  base: StoryBase,
  directory: string,
  names: readonly string[],
): Promise<void> {
  const hash = createHash("sha256");
  async function* archive(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tarDirectory({ directory, sourceDateEpoch: storyTime })) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const blob = await store.writeBlob(compress({ source: archive(), format: "gzip", level: 1 }));
  const write = async (
    mediaType: string,
    value: object,
  ): Promise<{ mediaType: string; digest: Digest; size: number }> => ({
    mediaType,
    ...(await store.writeBlob(Buffer.from(JSON.stringify(value)))),
  });
  const config = await write(mediaTypes.config, {
    ...thisPlatform(),
    created: "2020-01-01T00:00:00Z",
    config: {
      Env: base.env,
      Cmd: ["sh"],
      Labels: base.labels,
      ...(base.user !== "" && { User: base.user }),
      ...(base.onbuild.length > 0 && { OnBuild: base.onbuild }),
    },
    rootfs: { type: "layers", diff_ids: [makeDigest("sha256", hash.digest("hex"))] },
    history: [{ created: "2020-01-01T00:00:00Z", created_by: "base" }],
  });
  const target = await write(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: [{ mediaType: mediaTypes.layerGzip, ...blob }],
  });
  if (names.length > 0) await store.addImage({ target, names: [...names] });
}

/** A change may make something else of a name, which the builder is to find out. */
function isReference(name: string): boolean {
  try {
    parseReference(name);
    return true;
  } catch {
    return false;
  }
}

/** Nothing here has to outlive the test, and a disk that syncs thousands of layers would be most of its time. */
const fastest = (): string => (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
