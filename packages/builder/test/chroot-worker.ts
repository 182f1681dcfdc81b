import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { perform } from "@ctr/kernel";
import { mount } from "@ctr/overlayfs";
import type { RunMount, RunRequest, RunWorker } from "../src/index.ts";

const because = { option: "test", why: "a worker that is only a chroot" };

/** Runs commands of a build with chroot(1) on a real overlay: no container, but the same files. */
export class ChrootWorker implements RunWorker {
  readonly requests: RunRequest[] = [];

  async run(request: RunRequest): Promise<{ exitCode: number }> {
    this.requests.push(request);
    const { lowers, upper, work, merged } = request;
    using _overlay = mount({ lowers, upper, work, target: merged });
    const mounted: string[] = [];
    try {
      for (const one of request.mounts) mounted.push(...put(one, merged));
      return { exitCode: await chroot(request) };
    } finally {
      for (const target of mounted.reverse()) perform([{ do: "unmount", in: "host", target, detach: false, because }]);
    }
  }
}

/** What a chroot can show: directories of the builder's, and of layers that hold no links. */
function put(one: RunMount, merged: string): string[] {
  const target = join(merged, one.target);
  if (one.type === "path") return [bind(one.source, target)];
  if (one.type !== "layers") throw new Error(`a chroot has no ${one.type} mount`);
  const top = `${merged}${one.target.replaceAll("/", "-")}`;
  mkdirSync(top);
  mount({ lowers: one.lowers, ...one.scratch, target: top });
  return [top, bind(join(top, one.path), target)];
}

// The mount point stays in the layer: a real worker has a /dev of its own.
function bind(source: string, target: string): string {
  mkdirSync(target, { recursive: true });
  const step = { do: "bind", from: "host", source, recursive: false, set: [], clear: [], propagation: "keep" } as const;
  perform([{ ...step, idmap: -1, in: "host", target, missing: "refuse", because }]);
  return target;
}

function chroot(o: RunRequest): Promise<number> {
  // The working directory is entered inside the chroot, by the image's own shell.
  const args = [o.merged, "/bin/sh", "-c", 'cd "$0" && exec "$@"', o.cwd, ...o.args];
  const env = Object.fromEntries(
    o.env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const child = spawn("/usr/sbin/chroot", args, { env, stdio: ["ignore", "pipe", "pipe"] });
  o.signal?.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
  child.stdout.on("data", (chunk: Uint8Array) => o.output("stdout", chunk));
  child.stderr.on("data", (chunk: Uint8Array) => o.output("stderr", chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 137));
  });
}

export const busybox = "/usr/bin/busybox";

/** Why tests that build cannot run here, or undefined. */
export const missing: string | undefined =
  process.getuid?.() !== 0
    ? "needs root"
    : existsSync(busybox) && existsSync("/usr/sbin/chroot")
      ? undefined
      : "needs busybox and chroot";
