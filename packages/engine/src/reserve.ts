import { rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Bytes that are kept for a full disk: enough for the database's log and what else a removal writes. */
const reserveBytes = 2 << 20;

/**
 * Keep some room of a state directory for the day that its disk is full, and give it up then: without it nothing could
 * be removed any more, since to remove is to write into the database first. It is taken again when there is plenty.
 */
export function keepReserve(root: string): void {
  const path = join(root, "reserve");
  const { bavail, bsize } = statfsSync(root);
  const free = bavail * bsize;
  if (free < reserveBytes) rmSync(path, { force: true });
  if (free < 8 * reserveBytes || statSync(path, { throwIfNoEntry: false })?.size === reserveBytes) return;
  try {
    writeFileSync(path, Buffer.alloc(reserveBytes), { mode: 0o600 }); // a hole would be no reserve
  } catch {
    rmSync(path, { force: true }); // a disk that does not take it has other troubles, and they are told elsewhere
  }
}
