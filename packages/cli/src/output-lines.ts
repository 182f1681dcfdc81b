import { StringDecoder } from "node:string_decoder";
import { harmless } from "./failure.ts";

/** Lines that are longer are cut into several, so that a command that writes none cannot fill the memory. */
const maxLine = 64 << 10;

/** What a command writes, as lines that a terminal can be shown. */
export class OutputLines {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  /** Lines that are complete now. */
  add(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(chunk))).split("\n");
    this.#rest = lines.pop()!;
    if (this.#rest.length > maxLine) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    return lines.map(showLine);
  }

  /** The line that has not ended yet; empty for none. */
  get unended(): string {
    return showLine(this.#rest);
  }

  /** The line that never ended. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    return rest === "" ? [] : [showLine(rest)];
  }
}

/** What a terminal would show in the end: colours and cursor movements mean nothing in a line among others. */
function showLine(line: string): string {
  const text = line
    .replace(/\u001b\[[0-?]{0,64}[ -/]{0,8}[@-~]/g, "")
    .replace(/\u001b\][^\u0007\u001b]{0,256}(?:\u0007|\u001b\\)/g, "")
    .replace(/\r+$/, "");
  return harmless(text.slice(text.lastIndexOf("\r") + 1).replaceAll("\t", "    "));
}
