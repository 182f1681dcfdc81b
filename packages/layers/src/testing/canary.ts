import { lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A directory that hostile archives aim at, and what shows that one has hit. */
export class Canary {
  readonly directory: string;
  readonly #before: string;

  /** @param directory  Absolute; made here, in a directory of the caller's own. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory);
    writeFileSync(join(directory, "f"), "untouched");
    utimesSync(join(directory, "f"), 1, 1);
    utimesSync(directory, 1, 1);
    this.#before = this.#state();
  }

  /** @throws {Error} when anything is not as it was: names, content, owners, modes, links, times */
  check(): void {
    const now = this.#state();
    if (now !== this.#before) throw new Error(`the canary ${this.directory} was touched:\n${this.#before}\n${now}`);
  }

  #state(): string {
    const names = [".", ...readdirSync(this.directory, { recursive: true, encoding: "utf8" }).sort()];
    return names
      .map((name) => {
        const path = join(this.directory, name);
        const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
        const content = name === "f" ? readFileSync(path, "latin1") : "";
        return [name, ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs, content].join(" ");
      })
      .join("\n");
  }
}
