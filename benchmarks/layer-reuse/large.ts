import { join } from "node:path";
import type { Registry } from "./registry.ts";
import type { SampleImage } from "./sample-image.ts";
import { Session } from "./session.ts";
import { openEmptyRegistry } from "./tool-turn.ts";
import type { Tool } from "./tools.ts";
import { type Contestant, referenceTo } from "./turn.ts";

/** Pull, push, save and load of an image that does not fit into the memory allowed; a row for each. */
export function movesLarge(tool: Tool, image: SampleImage, registry: Registry): Contestant {
  return {
    name: tool.name,
    answers: ["large"],
    play: async (turn) => {
      const row = (what: string): { readonly row: string } => ({ row: `${tool.name} ${what}` });
      const saved = join(turn.arena.directory, "saved.tar");
      await using session = await Session.open(tool, turn);
      const { commands } = session;
      const reference = referenceTo(registry, image);
      await session.answer("large", commands.pull(reference), { registry, ...row("pull") });
      await using empty = await openEmptyRegistry(turn);
      const target = referenceTo(empty.registry, image);
      await session.prepare(commands.tag(reference, target));
      await session.answer("large", commands.push(target), { registry: empty.registry, ...row("push") });
      await session.answer("large", commands.save(reference, saved), row("save"));
      await using loading = await Session.open(tool, turn, "loaded");
      await loading.answer("large", loading.commands.load(saved), row("load"));
    },
  };
}
