import { type TarEntry, tarEntry } from "@ctr/layers";

/** Which layer something belongs to: what changes least is lowest, so that most of it is shared. */
export type LayerName = "libraries" | "programs" | "data";

/** A name in the image and where its bytes come from: nowhere, memory, or a file of this machine. */
export interface ImageNode {
  readonly layer: LayerName;
  readonly entry: TarEntry;
  readonly content?: { readonly file: string } | { readonly bytes: readonly Uint8Array[] };
}

/**
 * The files of an image by their names. Owner is root, time is 0, and set-id bits are gone, so that equal
 * files make equal layers on every machine. What has a name first keeps it.
 */
export class ImageTree {
  readonly #nodes = new Map<string, ImageNode>();

  has(name: string): boolean {
    return this.#nodes.has(key(name));
  }

  directory(layer: LayerName, name: string, mode: number = 0o755): void {
    this.#add({ layer, entry: tarEntry({ name: `${key(name)}/`, type: "directory", mode }) });
  }

  symlink(layer: LayerName, name: string, link: string): void {
    this.#add({ layer, entry: tarEntry({ name: key(name), type: "symlink", link }) });
  }

  /** A file with the bytes that `from.path` has when the layer is read. */
  file(
    layer: LayerName,
    name: string,
    from: { readonly path: string; readonly mode: number; readonly size: number },
  ): void {
    const entry = tarEntry({ name: key(name), type: "file", mode: from.mode & 0o777, size: from.size });
    this.#add({ layer, entry, content: { file: from.path } });
  }

  text(layer: LayerName, name: string, text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#add({
      layer,
      entry: tarEntry({ name: key(name), type: "file", size: bytes.length }),
      content: { bytes: [bytes] },
    });
  }

  node(node: ImageNode): void {
    this.#add(node);
  }

  /** The nodes of one layer with the directories that lead to them, each directory before what is in it. */
  layer(layer: LayerName): ImageNode[] {
    const names = new Set<string>();
    for (const [name, node] of this.#nodes) {
      if (node.layer !== layer) continue;
      for (let end = name.indexOf("/"); end >= 0; end = name.indexOf("/", end + 1)) names.add(name.slice(0, end));
      names.add(name);
    }
    return [...names]
      .sort(byParts)
      .map((name) => this.#nodes.get(name) ?? { layer, entry: tarEntry({ name: `${name}/`, type: "directory" }) });
  }

  #add(node: ImageNode): void {
    const name = key(node.entry.name);
    if (name === "" || this.#nodes.has(name)) return;
    const entry = { ...node.entry, name: node.entry.type === "directory" ? `${name}/` : name };
    this.#nodes.set(name, { ...node, entry });
  }
}

const key = (name: string): string => name.replace(/^[./]*\/|\/+$/g, "");

// "a/b" comes before "a.b": a directory and all that is in it stay together.
function byParts(a: string, b: string): number {
  const [left, right] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return left < right ? -1 : left > right ? 1 : 0;
}
