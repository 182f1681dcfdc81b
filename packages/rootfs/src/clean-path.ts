/**
 * An absolute path without empty parts, "." and "..", so that the kernel's own places are known whatever way
 * they are written. Symlinks have no say: a path that is not one of those is resolved by the kernel.
 */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
