import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { ContainerDefaults } from "@ctr/oci";
import { listTree } from "./tree-list.ts";

/** Debian's buildah, with everything that it keeps in one directory. */
export class Buildah {
  readonly #options: readonly string[];

  constructor(directory: string) {
    const places = ["--root", join(directory, "root"), "--runroot", join(directory, "run")];
    this.#options = [...places, "--storage-driver", "vfs"];
  }

  static isInstalled(): boolean {
    try {
      execFileSync("buildah", ["--version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  }

  /** @throws {Error} with what it printed */
  call(...args: readonly string[]): string {
    return execFileSync("buildah", [...this.#options, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  build(o: { readonly context: string; readonly tag: string; readonly args: readonly string[] }): void {
    const how = ["--isolation", "chroot", "--format", "docker", "--pull=never", "--layers=false"];
    this.call("build", "-q", ...how, ...o.args, "-t", o.tag, o.context);
  }

  config(image: string): ContainerDefaults {
    const { Docker } = JSON.parse(this.call("inspect", "--type", "image", image)) as {
      Docker: { config: ContainerDefaults };
    };
    return Docker.config;
  }

  tree(image: string): string[] {
    const container = this.call("from", "--pull=never", image).trim();
    try {
      return listTree(this.call("mount", container).trim());
    } finally {
      this.call("rm", container);
    }
  }
}
