import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** Why a test that needs a terminal does not run, or false. */
export const noTmux: string | false = spawnSync("tmux", ["-V"]).status === 0 ? false : "tmux is not installed";

/** A terminal of a given size, with a shell script in it, played and read from outside. */
export class Terminal implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "ctr-cli-tmux-"));

  static async open(script: string, size: { columns: number; rows: number }): Promise<Terminal> {
    const terminal = new Terminal();
    const { columns, rows } = size;
    await terminal.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      script,
      ";",
      "set",
      "remain-on-exit",
      "on",
      ";",
      "set",
      "status",
      "off",
    );
    return terminal;
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await execa("tmux", ["-S", join(this.#directory, "socket"), ...args]);
    return stdout;
  }

  /** Keys by their names in tmux: `C-c`, `Enter`, or text. */
  async type(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async resize(size: { columns: number; rows: number }): Promise<void> {
    await this.#tmux("resize-window", "-x", `${size.columns}`, "-y", `${size.rows}`);
  }

  /** Resolves when the screen, with what has scrolled away, matches; with the screen. */
  async shows(pattern: RegExp): Promise<string> {
    for (;;) {
      const screen = await this.#tmux("capture-pane", "-p", "-J", "-S", "-");
      if (pattern.test(screen)) return screen;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
