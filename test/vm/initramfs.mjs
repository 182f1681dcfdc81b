// The first root of the test machine: an archive in the "newc" form of cpio.
// @see Linux Documentation/driver-api/early-userspace/buffer-format.rst
import { readFileSync } from "node:fs";

const kinds = { directory: 0o040755, file: 0o100755, symlink: 0o120777 };

/**
 * @param {{ path: string, directory?: true, file?: string, text?: string, symlink?: string }[]} entries
 *   paths without a leading slash, parents before children; `file` is a path on this machine
 * @returns {Buffer}
 */
export function initramfs(entries) {
  const parts = entries.flatMap((entry, index) => {
    const kind = entry.directory ? "directory" : entry.symlink ? "symlink" : "file";
    const bytes = entry.file ? readFileSync(entry.file) : Buffer.from(entry.symlink ?? entry.text ?? "");
    return member(entry.path, kinds[kind], index + 1, bytes);
  });
  return Buffer.concat([...parts, ...member("TRAILER!!!", 0, 0, Buffer.alloc(0))]);
}

function member(name, mode, inode, bytes) {
  // inode, mode, uid, gid, links, mtime, size, device (4), length of the name, check sum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = `070701${fields.map((it) => it.toString(16).padStart(8, "0")).join("")}${name}\0`;
  return [padded(Buffer.from(head)), padded(bytes)];
}

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
