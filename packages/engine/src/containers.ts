import type { Child } from "@ctr/kernel";
import type { LayerChange } from "@ctr/layers";
import type { Step } from "@ctr/plan";
import type { CommitOptions, Committed } from "./commit.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type Context, findContainer } from "./context.ts";
import type { Copied, CopyOptions } from "./copy.ts";
import { createContainer } from "./create.ts";
import type { CreateOptions } from "./create-options.ts";
import { type ExecOptions, execInContainer } from "./exec.ts";
import { type Document, inspectContainer } from "./inspect.ts";
import { type LogEntry, type LogOptions, readLogs } from "./logs.ts";
import { refresh } from "./refresh.ts";
import { removeContainer } from "./remove.ts";
import { explainStart, type Started, type StartOptions, startContainer } from "./start.ts";
import { killContainer, type Stopped, stopContainer, waitForEnd } from "./stop.ts";

/** The containers of a state directory. Containers are named by name, id or the beginning of an id. */
export class Containers {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** @see {@link createContainer} */
  async create(options: CreateOptions): Promise<ContainerRecord> {
    return createContainer(this.#context, options);
  }

  /** @see {@link startContainer} */
  async start(reference: string, o?: StartOptions): Promise<Started> {
    return startContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** The steps of a start, for people to read. The container must have been created. */
  async explain(reference: string): Promise<readonly Step[]> {
    return explainStart(this.#context, findContainer(this.#context, reference));
  }

  /** As it is now. @throws {EngineError} `ERR_ENGINE_NO_CONTAINER`, `ERR_ENGINE_AMBIGUOUS_ID` */
  async get(reference: string): Promise<ContainerRecord> {
    return refresh(this.#context, findContainer(this.#context, reference));
  }

  /** All of them as they are now, newest first. */
  async list(): Promise<ContainerRecord[]> {
    const records = this.#context.table.all().filter((record) => record.state !== "creating");
    return Promise.all(records.map((record) => refresh(this.#context, record)));
  }

  /** In Docker's shape. */
  async inspect(reference: string): Promise<Document> {
    return inspectContainer(this.#context, await this.get(reference));
  }

  /** Exit code of a container, once it has ended. */
  async wait(reference: string): Promise<number> {
    return waitForEnd(this.#context, findContainer(this.#context, reference));
  }

  /** @see {@link stopContainer} */
  async stop(reference: string, o?: { readonly seconds?: number | undefined }): Promise<Stopped> {
    return stopContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** Send a signal to the first process. @throws {EngineError} `ERR_ENGINE_NOT_RUNNING` */
  async kill(reference: string, signal: string = "KILL"): Promise<void> {
    return killContainer(this.#context, findContainer(this.#context, reference), signal);
  }

  /** @see {@link removeContainer} */
  async remove(reference: string, o?: { readonly force?: boolean }): Promise<void> {
    return removeContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link execInContainer} */
  async exec(reference: string, o: ExecOptions): Promise<Child> {
    return execInContainer(this.#context, findContainer(this.#context, reference), o);
  }

  logs(reference: string, o?: LogOptions): AsyncGenerator<LogEntry> {
    return readLogs(this.#context, findContainer(this.#context, reference), o);
  }

  // What few commands need is loaded by those.

  /** @see {@link containerChanges} */
  async *changes(reference: string, o?: { readonly signal?: AbortSignal }): AsyncGenerator<LayerChange> {
    const { containerChanges } = await import("./changes.ts");
    yield* containerChanges(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link commitContainer} */
  async commit(reference: string, o: CommitOptions = {}): Promise<Committed> {
    const { commitContainer } = await import("./commit.ts");
    return commitContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link exportContainer} */
  async *export(reference: string, o?: { readonly signal?: AbortSignal }): AsyncGenerator<Uint8Array> {
    const { exportContainer } = await import("./export.ts");
    yield* exportContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link copyFromContainer} */
  async copyFrom(reference: string, o: CopyOptions & { readonly from: string; readonly to: string }): Promise<Copied> {
    const { copyFromContainer } = await import("./copy.ts");
    return copyFromContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link copyToContainer} */
  async copyTo(reference: string, o: CopyOptions & { readonly from: string; readonly to: string }): Promise<Copied> {
    const { copyToContainer } = await import("./copy.ts");
    return copyToContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link readFromContainer} */
  async *readFrom(
    reference: string,
    o: Pick<CopyOptions, "followLink" | "signal"> & { readonly from: string },
  ): AsyncGenerator<Uint8Array> {
    const { readFromContainer } = await import("./copy.ts");
    yield* readFromContainer(this.#context, findContainer(this.#context, reference), o);
  }

  /** @see {@link unpackInContainer} */
  async unpackIn(
    reference: string,
    o: Pick<CopyOptions, "signal"> & { readonly to: string; readonly archive: AsyncIterable<Uint8Array> },
  ): Promise<number> {
    const { unpackInContainer } = await import("./copy.ts");
    return unpackInContainer(this.#context, findContainer(this.#context, reference), o);
  }
}
