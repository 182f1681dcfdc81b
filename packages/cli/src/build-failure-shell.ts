import { setImmediate } from "node:timers/promises";
import type { BuildOptions } from "@ctr/engine";
import { setTerminalSize } from "@ctr/kernel";
import { attachMaster, callersTerminal } from "./attach.ts";
import type { BuildDisplay } from "./build-display.ts";
import { Failure, harmless } from "./failure.ts";

/**
 * `--on-failure=shell`: a shell in the container of a command that failed.
 *
 * @throws {Failure} where there is no terminal for it
 */
export function failureShell(choice: string | undefined, display: BuildDisplay): Pick<BuildOptions, "onFailedRun"> {
  if (choice === undefined) return {};
  if (choice !== "shell") throw new Failure(`--on-failure ${choice}: only shell is there`, 1);
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new Failure("--on-failure=shell needs a terminal", 1);
  let isOpen = false; // of stages that fail at one time, one gets the terminal
  return {
    onFailedRun: async ({ request, exitCode, place }, shell) => {
      if (isOpen) return;
      isOpen = true;
      await setImmediate(); // what the command wrote is shown first
      display.end({ failed: true });
      const command = harmless(request.args.join(" "));
      process.stderr.write(
        `\n${harmless(place.file)}:${place.line}: exit code ${exitCode}: ${command}\nA shell in its place; the build ends when it does.\n`,
      );
      const size = callersTerminal() ?? { rows: 24, columns: 80 };
      await shell({ args: ["/bin/sh"], terminal: { size, opened: connect } });
    },
  };
}

async function connect(master: number): Promise<void> {
  const resize = (): void => {
    const size = callersTerminal();
    if (size !== undefined) setTerminalSize({ fd: master, ...size });
  };
  process.on("SIGWINCH", resize);
  const { closed, restore } = attachMaster(master, true);
  await closed;
  restore();
  process.off("SIGWINCH", resize);
}
