import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A directory for everything that a benchmark makes. */
export interface Scratch extends Disposable {
  readonly directory: string;
}

/**
 * A tmpfs of its own, or a new directory below `on`; gone at the end, and when the process is interrupted. To be
 * called in private namespaces.
 */
export function openScratch(on: string | undefined): Scratch {
  const directory = mkdtempSync(join(resolve(on ?? tmpdir()), "ctr-benchmark-"));
  if (on === undefined) execFileSync("mount", ["-t", "tmpfs", "-o", "size=80%", "tmpfs", directory]);
  const leave = (): void => {
    // Whatever is still mounted below goes too: what a turn mounts, when it is interrupted.
    if (on === undefined) {
      execFileSync("umount", ["--lazy", "--recursive", directory]);
      rmdirSync(directory);
    } else rmSync(directory, { recursive: true });
  };
  // As the first process of a PID namespace, this one would not even be interrupted.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      leave();
      process.exit(130);
    });
  hideSharedDirectories(directory);
  return { directory, [Symbol.dispose]: leave };
}

/** Where tools keep things whatever they are told: in this mount namespace they are others, and empty. */
function hideSharedDirectories(scratch: string): void {
  for (const directory of ["/run", "/var/tmp", "/var/lib/containers"])
    if (existsSync(directory) && !scratch.startsWith(`${directory}/`))
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", directory]);
}
