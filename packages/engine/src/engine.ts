import { homedir } from "node:os";
import { resolve } from "node:path";
import type { BuildEvent } from "@ctr/builder";
import { openStore, type Removal } from "@ctr/image-store";
import { diskUsage, syncFileSystem } from "@ctr/kernel";
import { openNetwork } from "@ctr/network";
import { blobMaker } from "./blob-maker.ts";
import type { BuildOptions } from "./build.ts";
import { Containers } from "./containers.ts";
import type { Context } from "./context.ts";
import { ContainerTable, openDatabase } from "./database.ts";
import { Images } from "./images.ts";
import { info } from "./info.ts";
import type { Document } from "./inspect.ts";
import { housekeeping } from "./refresh.ts";
import { noteBuild } from "./reuse-transfers.ts";
import type { System } from "./system.ts";

export interface EngineOptions {
  /** Where all state is kept; made when missing. */
  readonly root?: string;
  /** What the monitor of a detached container executes at its end: a command that calls `containers.get(id)`. */
  readonly cleanup?: (id: string) => readonly string[];
}

/** The usual place: /var/lib/ctr for root, XDG's for others. */
export function defaultRoot(): string {
  if (process.getuid?.() === 0) return "/var/lib/ctr";
  return `${process.env.XDG_DATA_HOME ?? `${homedir()}/.local/share`}/ctr`;
}

/** Open a state directory. Any number of processes may have the same one open; none has to stay. */
export function openEngine(o: EngineOptions = {}): Engine {
  return new Engine(o);
}

/** Containers, images and networks of one state directory. */
export class Engine implements Disposable {
  readonly root: string;
  readonly containers: Containers;
  readonly images: Images;
  readonly #context: Context;

  constructor(o: EngineOptions) {
    this.root = resolve(o.root ?? defaultRoot());
    const database = openDatabase(this.root);
    this.#context = {
      root: this.root,
      database,
      table: new ContainerTable(database),
      store: openStore({
        root: this.root,
        database,
        syncFileSystem: (path) => syncFileSystem({ path }),
        diskUsage: (path) => diskUsage({ path }),
        blobMaker,
      }),
      network: openNetwork({ database, root: this.root, whenEmpty: "keep" }),
      cleanup: o.cleanup,
    };
    this.containers = new Containers(this.#context);
    this.images = new Images(this.#context);
  }

  /**
   * Build an image. Begins at the first `next()`.
   *
   * @throws {BuilderError} {DockerfileError} with file, line and column
   */
  async *build(o: BuildOptions): AsyncGenerator<BuildEvent, void, undefined> {
    // A third of the program, which no other command needs.
    const { buildImage } = await import("./build.ts");
    yield* noteBuild(this.#context, buildImage(this.#context, o));
  }

  /** Forget what builds did, so that the layers that only they keep can go. @see {@link pruneBuildCache} */
  async pruneBuildCache(): Promise<Removal> {
    const { pruneBuildCache } = await import("@ctr/builder");
    return pruneBuildCache({ store: this.#context.store, database: this.#context.database });
  }

  /** What it takes on disk, whether all of it is sound, and how to get rid of what is not needed. */
  async system(): Promise<System> {
    const { System } = await import("./system.ts");
    return new System(this.#context);
  }

  info(): Document {
    return info(this.#context);
  }

  /** @see {@link housekeeping} */
  housekeeping(o: { readonly network?: boolean } = {}): Promise<void> {
    return housekeeping(this.#context, { network: o.network ?? false });
  }

  close(): void {
    this.#context.store.close();
    this.#context.database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
