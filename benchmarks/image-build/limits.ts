import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Surroundings } from "../layer-reuse/surroundings.ts";
import type { Contestant, Question, Turn } from "./questions.ts";
import { plainSteps } from "./sample-context.ts";
import { copyContext } from "./turns.ts";

export const plainLimit = "limit: the same commands in a chroot";
export const nodeLimit = "limit: node, and the status of each file";

/** What the steps take without a builder: a copy of the base, cp and chroot. */
export function plainCommands(): Contestant {
  return {
    name: plainLimit,
    play: async (turn) => {
      const [context, root] = [copyContext(turn), join(turn.arena.directory, "root")];
      const steps = plainSteps.map(({ copy, run }) =>
        copy === undefined ? `chroot ${root} /bin/sh -c 'cd /app && ${run}'` : `cp -R ${context}/${copy} ${root}/app/`,
      );
      const script = [`cp -a ${turn.rootfs} ${root}`, `mkdir ${root}/app`, ...steps].join("; ");
      await record(turn, "none", plainLimit, ["sh", "-ec", script]);
    },
  };
}

const readStatus = `const { lstatSync, readdirSync } = require("node:fs");
const walk = (directory) => {
  for (const name of readdirSync(directory)) if (lstatSync(directory + "/" + name).isDirectory()) walk(directory + "/" + name);
};
walk(process.argv[2]);
`;

/** What a build that has nothing to do takes at least: to see that nothing has changed. */
export function nodeAlone(): Contestant {
  return {
    name: nodeLimit,
    play: async (turn) => {
      const program = join(turn.arena.directory, "status.cjs");
      writeFileSync(program, readStatus);
      const context = copyContext(turn);
      for (const question of ["cached", "last", "first"] as const)
        await record(turn, question, nodeLimit, [process.execPath, program, context]);
    },
  };
}

async function record(turn: Turn, question: Question, name: string, command: readonly string[]): Promise<void> {
  mkdirSync(join(turn.arena.directory, "home"), { recursive: true });
  await using surroundings = new Surroundings(turn);
  turn.record(question, name, await surroundings.measure(command));
}
