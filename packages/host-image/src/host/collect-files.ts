import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { HostImageError } from "../host-image-error.ts";
import type { ImageTree, LayerName } from "../image-tree.ts";

const mostFiles = 200_000;
const mostLinks = 40;

/** Copies names of this machine into an image: at the same place, with every symlink on the way as it is. */
export class FileCollector {
  readonly #tree: ImageTree;
  #files = 0;

  constructor(tree: ImageTree) {
    this.#tree = tree;
  }

  /**
   * Add a path, the links that lead to it and, if it is a directory, all that is in it.
   * @throws {HostImageError} `ERR_HOST_IMAGE_MISSING`, `ERR_HOST_IMAGE_LIMIT`
   */
  add(layer: LayerName, path: string): void {
    const real = this.#follow(layer, path);
    const stat = statOf(real, path);
    if (stat.isDirectory()) this.#addDirectory(layer, real);
    else this.#addFile(layer, real, real, stat);
  }

  /** Add a symlink as it is, and not what it points to. */
  addLink(layer: LayerName, path: string): void {
    this.#tree.symlink(layer, path, readlinkSync(path));
  }

  /** Add the files of `from` as `to`. Links in it stay as they are and nothing outside is added. */
  addMoved(layer: LayerName, from: string, to: string): void {
    this.#tree.directory(layer, to);
    for (const { name } of list(from)) {
      const [source, target] = [`${from}/${name}`, `${to}/${name}`];
      const stat = statOf(source, source);
      if (stat.isDirectory()) this.addMoved(layer, source, target);
      else if (stat.isSymbolicLink()) this.#tree.symlink(layer, target, readlinkSync(source));
      else this.#addFile(layer, source, target, stat);
    }
  }

  /** Add one file of this machine under another name. */
  addFileAs(layer: LayerName, from: string, to: string): void {
    this.#addFile(layer, from, to, statOf(from, from));
  }

  #addDirectory(layer: LayerName, directory: string): void {
    this.#tree.directory(layer, directory);
    for (const { name } of list(directory)) {
      const path = `${directory === "/" ? "" : directory}/${name}`;
      if (this.#tree.has(path)) continue;
      const stat = statOf(path, path);
      if (stat.isDirectory()) this.#addDirectory(layer, path);
      else if (stat.isSymbolicLink()) this.#addLinked(layer, path);
      else this.#addFile(layer, path, path, stat);
    }
  }

  // A link in asked data brings what it points to, but for two: one that hangs, and this machine's time zone.
  #addLinked(layer: LayerName, path: string): void {
    const link = readlinkSync(path);
    if (link === "/etc/localtime") return;
    try {
      this.add(layer, path);
    } catch (error) {
      if (!(error instanceof HostImageError && error.code === "ERR_HOST_IMAGE_MISSING")) throw error;
      this.#tree.symlink(layer, path, link);
    }
  }

  #addFile(layer: LayerName, from: string, to: string, stat: Stats): void {
    if (!stat.isFile()) return; // a socket, a device: nothing that an image could hold
    if (++this.#files > mostFiles)
      throw new HostImageError({
        code: "ERR_HOST_IMAGE_LIMIT",
        path: from,
        message: `the image would have more than ${mostFiles} files`,
      });
    this.#tree.file(layer, to, { path: from, mode: stat.mode, size: stat.size });
  }

  // The path without links, each link on the way added to the image.
  #follow(layer: LayerName, path: string): string {
    const rest = path.split("/").reverse();
    const found: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const part = rest.pop()!;
      if (part === "" || part === ".") continue;
      if (part === "..") {
        found.pop();
        continue;
      }
      const here = `/${[...found, part].join("/")}`;
      if (!statOf(here, path).isSymbolicLink()) {
        found.push(part);
        continue;
      }
      if (++links > mostLinks)
        throw new HostImageError({ code: "ERR_HOST_IMAGE_MISSING", path, message: "its symlinks are a loop" });
      const link = readlinkSync(here);
      this.#tree.symlink(layer, here, link);
      if (link.startsWith("/")) found.length = 0;
      rest.push(...link.split("/").reverse());
    }
    return `/${found.join("/")}`;
  }
}

function statOf(path: string, asked: string): Stats {
  try {
    return lstatSync(path);
  } catch (cause) {
    throw new HostImageError({ code: "ERR_HOST_IMAGE_MISSING", path: asked, message: (cause as Error).message, cause });
  }
}

function list(directory: string): Dirent[] {
  return readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}
