import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { addBaseFiles, searchPath } from "../base-files.ts";
import { HostImageError } from "../host-image-error.ts";
import { ImageTree } from "../image-tree.ts";
import { assembleImage, type HostImage } from "./assemble-image.ts";
import { FileCollector } from "./collect-files.ts";
import { addMergedDirectories, addProgram } from "./host-image.ts";
import { resolveProgram } from "./resolve-program.ts";

/** Marks an image as made out of this machine, and says which recipe made it. */
export const fromHostLabel = "org.ctr.from-host";

// What people type in a container that has only a shell.
const basicTools: readonly string[] =
  `sh ls cat echo ps sleep mkdir rmdir rm cp mv ln id hostname env grep sed awk wc true false date head tail
   mount umount uname whoami pwd touch chmod chown kill test printf seq sort uniq cut tr tee du df dd stat
   basename dirname readlink realpath find xargs nproc yes expr timeout mktemp sync od sha256sum base64 tar gzip`
    .split(/\s+/)
    .filter((name) => name !== "");

/**
 * A small image with a shell: a static busybox with a link for each of its applets, where this machine has
 * one, else the machine's own shell and basic tools.
 * @param options.busybox  Where it is; default: /bin/busybox or /usr/bin/busybox.
 * @throws {HostImageError} `ERR_HOST_IMAGE_MISSING` when there is no shell either.
 */
export async function busyboxImage(
  options: { readonly busybox?: string; readonly signal?: AbortSignal } = {},
): Promise<HostImage> {
  const tree = new ImageTree();
  addBaseFiles(tree);
  const files = new FileCollector(tree);
  const busybox = staticBusybox(options.busybox === undefined ? usualPlaces : [options.busybox]);
  if (busybox === undefined) addBasicTools(files);
  else await addBusybox(tree, files, busybox);
  const defaults = {
    Env: [`PATH=${searchPath}`],
    Cmd: ["sh"],
    Labels: { [fromHostLabel]: busybox === undefined ? "tools" : "busybox" },
  };
  return assembleImage(tree, defaults, options.signal);
}

/** The machine's own shell and those of the basic tools that it has. @throws {HostImageError} `ERR_HOST_IMAGE_MISSING` without a shell. */
export function addBasicTools(files: FileCollector): void {
  addMergedDirectories(files);
  for (const program of basicTools) {
    try {
      addProgram(files, resolveProgram({ program }));
    } catch (error) {
      if (program === "sh" || !(error instanceof HostImageError)) throw error;
    }
  }
}

const usualPlaces: readonly string[] = ["/bin/busybox", "/usr/bin/busybox"];

function staticBusybox(places: readonly string[]): string | undefined {
  return places.find((program) => {
    try {
      return resolveProgram({ program }).isStatic;
    } catch {
      return false;
    }
  });
}

async function addBusybox(tree: ImageTree, files: FileCollector, busybox: string): Promise<void> {
  const { stdout } = await promisify(execFile)(busybox, ["--list"], { env: {}, timeout: 10_000 });
  files.addFileAs("programs", busybox, "bin/busybox");
  for (const applet of stdout.split("\n"))
    if (/^[a-z0-9[_][a-z0-9[_.-]*$/i.test(applet)) tree.symlink("programs", `bin/${applet}`, "busybox");
  tree.symlink("programs", "usr/bin/env", "../../bin/env"); // where #! lines look for it
}
