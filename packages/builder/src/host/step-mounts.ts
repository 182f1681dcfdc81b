import { join } from "node:path";
import type { JsonValue } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import { agentMode, mountOperation, type PlacedMount, secretMode } from "../mount-definition.ts";
import type { LayersMount, RunMount } from "../run-mount.ts";
import type { RunWorker } from "../run-worker.ts";
import { type BuildGrants, maxSecretBytes } from "../secret-source.ts";
import type { StepParts } from "../step-parts.ts";
import type { CacheMountTable } from "./cache-mount-table.ts";
import { identityOf, takeCache } from "./cache-mount-use.ts";
import type { ContentCopies } from "./content-copies.ts";
import { isDirectory, type MountContent, type OpenedSource, readContent } from "./mount-source.ts";
import { removeTree, type Workspace } from "./workspace.ts";

/** What the mounts of all steps share. */
export interface MountServices {
  readonly workspace: Workspace;
  readonly copies: ContentCopies;
  readonly caches: CacheMountTable;
  readonly cacheNamespace: string;
  readonly grants: BuildGrants;
  readonly worker: RunWorker;
  readonly signal: AbortSignal | undefined;
}

/** The mounts of a command, ready. */
export interface ReadyMounts {
  readonly mounts: readonly RunMount[];
  /** `NAME=value`: secrets, and where the agent is. */
  readonly env: readonly string[];
  release(): void;
}

/** The mounts of one RUN: read for its key, made ready only when it runs. */
export class StepMounts implements Disposable {
  readonly #s: MountServices;
  readonly #placed: readonly PlacedMount[];
  readonly #contents: Map<PlacedMount, MountContent> = new Map();

  private constructor(services: MountServices, placed: readonly PlacedMount[]) {
    this.#s = services;
    this.#placed = placed;
  }

  /** @throws {BuilderError} `ERR_BUILDER_NOT_FOUND`, `ERR_BUILDER_IMAGE` */
  static async read(
    placed: readonly PlacedMount[],
    services: MountServices,
    open: (from: string | undefined, placed: PlacedMount) => Promise<OpenedSource>,
  ): Promise<StepMounts> {
    const step = new StepMounts(services, placed);
    try {
      for (const one of placed) await step.#read(one, open);
      return step;
    } catch (error) {
      step[Symbol.dispose]();
      throw error;
    }
  }

  async #read(
    placed: PlacedMount,
    open: (from: string | undefined, placed: PlacedMount) => Promise<OpenedSource>,
  ): Promise<void> {
    const { mount, place } = placed;
    if (mount.type !== "bind" && mount.type !== "cache") return;
    if (mount.type === "cache" && mount.from === undefined) {
      if (mount.source === undefined || /^\/*$/.test(mount.source)) return;
      const message = `--mount source=${mount.source} needs from=: a cache that begins empty has no ${mount.source}`;
      throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
    }
    const source = await open(mount.from, placed);
    try {
      this.#contents.set(placed, await readContent(mount, source, { place, signal: this.#s.signal }));
    } catch (error) {
      source.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const { source } of this.#contents.values()) source.close();
    this.#contents.clear();
  }

  /** For the step's key: what the mounts say, and what is in the trees that they show. */
  get operation(): readonly JsonValue[] {
    return this.#placed.map((placed) => mountOperation(placed, this.#contents.get(placed)?.source.layers?.chainId));
  }

  get inputs(): StepParts["inputs"] {
    const all = [...this.#contents.values()].flatMap(({ inputs }) => inputs);
    return [...new Map(all)]; // two mounts may show one file
  }

  /**
   * Make everything ready for the command, in the order of the mounts.
   *
   * @param o.env  The command's, `NAME=value`.
   * @param o.isInsecure  It runs without walls.
   * @throws {BuilderError} `ERR_BUILDER_SECRET`, `ERR_BUILDER_NOT_FOUND`, `ERR_BUILDER_CHANGED`
   */
  async prepare(o: { readonly env: readonly string[]; readonly isInsecure: boolean }): Promise<ReadyMounts> {
    const { env, isInsecure } = o;
    const undo: (() => void)[] = [];
    const release = (): void => {
      for (const one of undo.splice(0).reverse()) one();
    };
    try {
      const caches = await this.#takeCaches(undo);
      const mounts: RunMount[] = [];
      const added: string[] = [];
      for (const placed of this.#placed) {
        const { mount, target = "" } = placed;
        if (mount.type === "cache")
          mounts.push({ type: "path", source: caches.get(placed)!, target, readOnly: mount.readOnly });
        else if (mount.type === "tmpfs")
          mounts.push({ type: "tmpfs", size: mount.size, target, readOnly: mount.readOnly });
        else if (mount.type === "bind")
          mounts.push(await this.#bind(placed, { readOnly: mount.readOnly, isInsecure }, undo));
        else if (mount.type === "secret") await this.#secret(placed, mounts, added);
        else this.#agent(placed, mounts);
      }
      return { mounts, env: [...this.#agentVariable(env), ...added], release };
    } catch (error) {
      release();
      throw error;
    }
  }

  // Two mounts of one cache are one use of it, and all commands take theirs in one order: nobody waits for himself, nor
  // two for each other.
  async #takeCaches(undo: (() => void)[]): Promise<Map<PlacedMount, string>> {
    const { caches: table, workspace, worker, signal, cacheNamespace: namespace } = this.#s;
    const endOrphans = async (): Promise<void> => worker.endOrphans?.();
    const wanted = this.#placed.flatMap((placed) => {
      const { mount, place } = placed;
      if (mount.type !== "cache") return [];
      const one = { mount, content: this.#contents.get(placed), place };
      return [{ placed, one, name: JSON.stringify(identityOf(one, namespace)) }];
    });
    wanted.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const taken = new Map<string, string>();
    for (const { one, name } of wanted) {
      if (taken.has(name)) continue;
      const use = await takeCache(one, { table, owner: workspace.holder, namespace, endOrphans, signal });
      undo.push(() => table.giveBack(use.use));
      taken.set(name, table.data(use.name));
    }
    return new Map(wanted.map(({ placed, name }) => [placed, taken.get(name)!]));
  }

  async #bind(
    placed: PlacedMount,
    { readOnly, isInsecure }: { readonly readOnly: boolean; readonly isInsecure: boolean },
    undo: (() => void)[],
  ): Promise<RunMount> {
    const { workspace, copies, signal } = this.#s;
    const { target = "", place } = placed;
    const content = this.#contents.get(placed)!;
    if (content.source.layers !== undefined) {
      const { path } = content;
      const shown = { path, isDirectory: isDirectory(content, place) };
      return this.#layers(workspace.padded(content.source.layers.lowers), { ...shown, target, readOnly }, undo);
    }
    const copy = await copies.directory(content, { place, signal });
    // Others have it too, and who has no walls could make a mount of it writable, but not an overlay.
    if (readOnly && !isInsecure) return { type: "path", source: join(copy, "data"), target, readOnly };
    const shown = { path: "/data", isDirectory: isDirectory(content, place) };
    return this.#layers(workspace.padded([copy]), { ...shown, target, readOnly }, undo);
  }

  #layers(
    lowers: string[],
    shown: Omit<LayersMount & RunMount, "type" | "lowers" | "scratch">,
    undo: (() => void)[],
  ): RunMount {
    if (shown.readOnly && lowers.length > 1) return { type: "layers", ...shown, lowers, scratch: undefined };
    const { upper, work } = this.#s.workspace.draft(lowers);
    undo.push(() => removeTree(join(upper, "..")));
    return { type: "layers", ...shown, lowers, scratch: { upper, work } };
  }

  async #secret(placed: PlacedMount, mounts: RunMount[], env: string[]): Promise<void> {
    const { mount, target, place } = placed;
    if (mount.type !== "secret") return;
    const { id, required } = mount;
    const { secrets } = this.#s.grants;
    const refuse = (message: string): BuilderError => new BuilderError({ code: "ERR_BUILDER_SECRET", message, place });
    if (!Object.hasOwn(secrets, id)) {
      if (required) throw refuse(`secret ${id}: not found`);
      return;
    }
    const value = await secrets[id]!();
    if (value.length > maxSecretBytes) throw refuse(`secret ${id} too big. max size 500KB`);
    const { mode = secretMode, uid = 0, gid = 0 } = mount;
    if (target !== undefined) mounts.push({ type: "secret", value, mode, uid, gid, target, readOnly: true });
    if (mount.env === undefined) return;
    if (value.includes(0)) throw refuse(`secret ${id} has a NUL byte, which no variable can hold`);
    env.push(`${mount.env}=${Buffer.from(value).toString("utf8")}`);
  }

  #agent({ mount, target = "", place }: PlacedMount, mounts: RunMount[]): void {
    if (mount.type !== "ssh") return;
    const { agents } = this.#s.grants;
    const { id, required, mode = agentMode, uid = 0, gid = 0 } = mount;
    if (Object.hasOwn(agents, id))
      mounts.push({ type: "agent", agent: agents[id]!, mode, uid, gid, target, readOnly: false });
    else if (required) {
      const message = `no SSH key ${JSON.stringify(id)} forwarded from the client`;
      throw new BuilderError({ code: "ERR_BUILDER_SECRET", message, place });
    }
  }

  // As in BuildKit: the first one, there or not, unless the image has its own idea.
  #agentVariable(env: readonly string[]): string[] {
    const first = this.#placed.find(({ mount }) => mount.type === "ssh");
    if (first === undefined || env.some((line) => line.startsWith("SSH_AUTH_SOCK="))) return [];
    return [`SSH_AUTH_SOCK=${first.target}`];
  }
}
