import { release } from "node:os";

/** Can this kernel take lower layers one by one? Linux 6.8. */
export function takesLowersOneByOne(kernel: string = release()): boolean {
  const [major = 0, minor = 0] = kernel.split(".", 2).map(Number);
  return major > 6 || (major === 6 && minor >= 8);
}
