/** What a layer has put at a name so far. Plain files and devices are not remembered: nothing is found below them. */
export type Node = Directory | { readonly kind: "symlink"; readonly text: string } | { readonly kind: "whiteout" };

export class Directory {
  readonly kind = "directory";
  #children: Map<string, Node> | undefined; // most directories of a hostile layer are empty
  /** Set when everything is written, since writing into a directory changes it. */
  mtime: bigint | undefined;
  /** Made because something lies in it; the layer does not say what it is like. */
  isPassed = false;

  get(name: string): Node | undefined {
    return this.#children?.get(name);
  }

  set(name: string, node: Node): void {
    this.#children ??= new Map();
    this.#children.set(name, node);
  }

  forget(name: string): void {
    this.#children?.delete(name);
  }

  entries(): Iterable<[string, Node]> {
    return this.#children ?? [];
  }
}

// As many links as the kernel follows on one path. @see path_resolution(7)
const mostLinks = 40;

/**
 * The directory that `path` means in a tree whose only links are those that the layer itself has made,
 * with every link on the way followed inside the root. Parts that are not there are kept: they are to be
 * made. Undefined for a loop.
 */
export function resolveInTree(root: Directory, path: readonly string[]): string[] | undefined {
  const rest = [...path].reverse();
  const found: string[] = [];
  const trail: Node[] = [root];
  for (let links = 0; rest.length > 0; ) {
    const part = rest.pop()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (found.pop() !== undefined) trail.pop();
      continue;
    }
    const here = trail.at(-1);
    const node = here instanceof Directory ? here.get(part) : undefined;
    if (node?.kind === "symlink") {
      if (++links > mostLinks || rest.length > mostParts) return undefined;
      if (node.text.startsWith("/")) {
        found.length = 0;
        trail.length = 1;
      }
      rest.push(...node.text.split("/").reverse());
      continue;
    }
    found.push(part);
    trail.push(node ?? nothing);
  }
  return found;
}

// A link's text is at most 4095 bytes, so 40 of them are at most this many parts.
const mostParts = 40 * 2048;
const nothing: Node = { kind: "whiteout" };
