import { fileURLToPath } from "node:url";
import { type Engine, openEngine } from "@ctr/engine";
import type { Command } from "commander";

/** Options that stand before the command. */
interface GlobalOptions {
  readonly root?: string;
  readonly debug?: boolean;
}

/** The way to this very program, for a monitor that tidies up after its container. */
const program = fileURLToPath(new URL("../../bin/ctr.js", import.meta.url));

/** Open the state directory that the command line names; it is closed when `use` is done. */
export async function withEngine<T>(command: Command, use: (engine: Engine) => Promise<T>): Promise<T> {
  const { root } = command.optsWithGlobals<GlobalOptions>();
  const engine = openEngine({
    ...(root === undefined ? {} : { root }),
    cleanup: (id) => [process.execPath, program, "--root", engine.root, "container", "cleanup", id],
  });
  try {
    return await use(engine);
  } finally {
    engine.close();
  }
}
