import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Everything is read-only in there but a file system in memory that is gone with the process: a mistake of ours,
// or an archive that gets out, damages nothing and meets EROFS.
const script = `
findmnt -rno TARGET | while read -r mount; do mount -o remount,bind,ro "$(printf %b "$mount")" 2>/dev/null || :; done
for mount in / /proc /sys; do
  case ",$(findmnt -no VFS-OPTIONS "$mount" | tail -1)," in *,ro,*) ;; *) echo "$mount could not be made read-only" >&2; exit 1 ;; esac
done
mount -t tmpfs -o size=300m,mode=700 tmpfs "$1"
TMPDIR="$1" exec "$2" --conditions=ctr-source "$3" "$1" "$4"`;

/**
 * Run a TypeScript program in a mount namespace of its own, where it can write to one directory only: its first
 * argument. Needs root.
 *
 * @param program  Absolute path.
 * @returns what it printed
 * @throws {Error} when it ends with another status than 0
 */
export function runConfined(program: string, argument = ""): string {
  const top = mkdtempSync(join(tmpdir(), "ctr-hostile-"));
  try {
    const args = ["--mount", "--propagation", "private", "sh", "-ec", script, "sh", top, process.execPath];
    return execFileSync("unshare", [...args, program, argument], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      stdio: ["ignore", "pipe", "inherit"],
    });
  } finally {
    rmdirSync(top);
  }
}
