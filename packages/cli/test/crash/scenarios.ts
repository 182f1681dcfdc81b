import { createHash } from "node:crypto";
import { cpSync, createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Engine, openEngine } from "@ctr/engine";
import { execa } from "execa";
import { expect } from "vitest";
import { addTestImage } from "../test-image.ts";
import { type CountedRegistry, countedRegistry } from "./counted-registry.ts";

/** A command that something happens to. */
export interface Scenario {
  readonly name: string;
  /** State directories that it can begin with are made once, by this name. */
  readonly begins: "nothing" | "empty" | "images" | "container";
  readonly args: (world: World) => readonly string[];
  /** The same through the library; throws what the command would print. */
  readonly again: (engine: Engine, world: World) => Promise<unknown>;
  /** Throws unless the command has done what it is for. */
  readonly expectDone: (engine: Engine, world: World) => Promise<unknown> | unknown;
}

/** What all scenarios share: a registry, archives, and state directories to begin with. */
export class World implements AsyncDisposable {
  readonly directory: string;
  readonly root: string;
  readonly registry: CountedRegistry;

  private constructor(directory: string, registry: CountedRegistry) {
    this.directory = directory;
    this.root = join(directory, "state");
    this.registry = registry;
  }

  static async make(directory: string): Promise<World> {
    const world = new World(directory, await countedRegistry(join(directory, "registry")));
    mkdirSync(world.#kept("nothing"));
    openEngine({ root: world.root }).close();
    await world.#keep("empty");
    await world.#makeImages();
    await world.#keep("images");
    await world.#makeContainer();
    await world.#keep("container");
    return world;
  }

  get pulled(): string {
    return `${this.registry.host}/app:1`;
  }
  get archive(): string {
    return join(this.directory, "images.tar");
  }
  get files(): string {
    return join(this.directory, "files.tar");
  }

  /** A state directory as a scenario begins with. */
  async begin(with_: Scenario["begins"]): Promise<void> {
    this.clear();
    if (with_ !== "nothing") await execa("cp", ["-a", this.#kept(with_), this.root]);
  }

  clear(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #kept(name: Scenario["begins"]): string {
    return join(this.directory, `begin-${name}`);
  }

  async #keep(name: Scenario["begins"]): Promise<void> {
    await execa("cp", ["-a", this.root, this.#kept(name)]);
  }

  /** Two images that share layers, one without a name, and what is pulled and loaded from elsewhere. */
  async #makeImages(): Promise<void> {
    const layers = [
      { "etc/release": "1\n".repeat(2000), "etc/gone": "gone\n" },
      { "usr/data": noise(700_000), "usr/link": "a" },
      { "etc/.wh.gone": "", "srv/index": "<p>\n" },
    ];
    await addTestImage(this.root, { names: [this.pulled], layers });
    await addTestImage(this.root, { names: ["docker.io/library/other:1"], layers: layers.slice(0, 2) });
    await addTestImage(this.root, { names: [], layers: [...layers.slice(0, 1), { "opt/old": "old\n" }] });
    using engine = openEngine({ root: this.root });
    for await (const _ of engine.images.push({ reference: this.pulled }));
    await pipeline(Readable.from(engine.images.save({ images: [this.pulled] })), createWriteStream(this.archive));
    const files = join(this.directory, "files");
    mkdirSync(join(files, "var"), { recursive: true });
    writeFileSync(join(files, "var/noise"), noise(300_000));
    cpSync(join(files, "var"), join(files, "copy"), { recursive: true });
    await execa("tar", ["-C", files, "-cf", this.files, "."]);
  }

  async #makeContainer(): Promise<void> {
    using engine = openEngine({ root: this.root });
    const { id } = await engine.containers.create({
      image: this.pulled,
      name: "changed",
      network: "none",
      command: ["true"],
    });
    const upper = join(this.root, "overlay2", id, "diff");
    mkdirSync(join(upper, "usr"));
    writeFileSync(join(upper, "usr/new"), noise(300_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Text that no compressor makes much smaller, the same each time. */
function noise(bytes: number): string {
  let text = "";
  for (let at = 0; text.length < bytes; at++) text += createHash("sha512").update(String(at)).digest("base64");
  return text.slice(0, bytes);
}

const drain = async (events: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of events);
};

/** Removing what is gone already is no failure of the store. */
const orGone = (removing: Promise<unknown>): Promise<unknown> =>
  removing.catch((error: unknown) => expect((error as { code?: string }).code).toBe("ERR_IMAGE_NOT_FOUND"));

export const scenarios: readonly Scenario[] = [
  {
    name: "images, the first command of all",
    begins: "nothing",
    args: () => ["images"],
    again: (engine) => engine.images.list(),
    expectDone: () => {},
  },
  {
    name: "pull",
    begins: "empty",
    args: (world) => ["pull", world.pulled],
    again: (engine, world) => drain(engine.images.pull({ reference: world.pulled })),
    expectDone: (engine, world) => engine.images.inspect(world.pulled),
  },
  {
    name: "load",
    begins: "empty",
    args: (world) => ["load", "-i", world.archive],
    again: (engine, world) => drain(engine.images.load({ archive: createReadStream(world.archive) })),
    expectDone: (engine, world) => engine.images.inspect(world.pulled),
  },
  {
    name: "import",
    begins: "empty",
    args: (world) => ["import", world.files, "imported:1"],
    again: (engine, world) => engine.images.import({ archive: createReadStream(world.files), name: "imported:1" }),
    expectDone: (engine) => engine.images.inspect("imported:1"),
  },
  {
    name: "commit",
    begins: "container",
    args: () => ["commit", "changed", "committed:1"],
    again: (engine) => engine.containers.commit("changed", { name: "committed:1" }),
    expectDone: (engine) => engine.images.inspect("committed:1"),
  },
  {
    name: "rmi",
    begins: "images",
    args: (world) => ["rmi", world.pulled],
    again: (engine, world) => orGone(engine.images.remove(world.pulled)),
    expectDone: (engine, world) => expect(() => engine.images.resolve(world.pulled)).toThrow("No such image"),
  },
  {
    name: "image prune",
    begins: "images",
    args: () => ["image", "prune", "-a", "-f"],
    again: (engine) => engine.images.prune({ all: true }),
    expectDone: async (engine) => expect(await engine.images.list()).toEqual([]),
  },
];
