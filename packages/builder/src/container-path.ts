/**
 * An absolute path in a container without `.`, `..` and doubled slashes; relative ones begin at `base`.
 * `..` stops at the root, as it does for the kernel.
 */
export function absolutePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${base}/${path}`).split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Whether a destination says by its spelling that it is a directory. */
export function namesDirectory(path: string): boolean {
  return path === "" || path === "." || path === ".." || /\/\.{0,2}$/.test(path);
}

/** A source of COPY in the one spelling that all of its spellings share: `./src/` and `src` mean the same. */
export function plainSource(source: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/|^[^/]*@[^/]*:/i.test(source) ? source : absolutePath("/", source);
}

export function joinPath(directory: string, name: string): string {
  if (name === "") return directory;
  return directory === "" || directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

export function parentPath(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
