import type { DatabaseSync } from "node:sqlite";
import type { ImageStore } from "@ctr/image-store";
import { startTimeOf } from "@ctr/kernel";
import type { Network } from "@ctr/network";
import type { ContainerRecord, ProcessId } from "./container-record.ts";
import type { ContainerTable } from "./database.ts";
import { EngineError } from "./engine-error.ts";

/** What the parts of an engine share. */
export interface Context {
  readonly root: string;
  readonly database: DatabaseSync;
  readonly table: ContainerTable;
  readonly store: ImageStore;
  readonly network: Network;
  /** What a container's monitor becomes at the end, to tidy up without waiting for the next command. */
  readonly cleanup: ((id: string) => readonly string[]) | undefined;
}

/** This process, as others can tell whether it is still there. */
export function thisProcess(): ProcessId {
  return { pid: process.pid, startTime: startTimeOf(process.pid)! };
}

export function isAlive(id: ProcessId | undefined): boolean {
  return id !== undefined && startTimeOf(id.pid) === id.startTime;
}

/**
 * The container that a name, an id or the beginning of one means.
 *
 * @throws {EngineError} `ERR_ENGINE_NO_CONTAINER`, `ERR_ENGINE_AMBIGUOUS_ID`
 */
export function findContainer(context: Context, reference: string): ContainerRecord {
  const exact = context.table.get(reference) ?? context.table.byName(reference.replace(/^\//, ""));
  if (exact !== undefined) return exact;
  const candidates = /^[0-9a-f]{1,64}$/.test(reference) ? context.table.byPrefix(reference) : [];
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length > 1)
    throw new EngineError(
      "ERR_ENGINE_AMBIGUOUS_ID",
      `more than one container begins with ${reference}: write more of the id`,
    );
  throw new EngineError("ERR_ENGINE_NO_CONTAINER", `No such container: ${reference}`);
}
