import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Registry } from "./registry.ts";
import { Session } from "./session.ts";
import type { Tool } from "./tools.ts";
import { type Contestant, referenceTo, type Turn } from "./turn.ts";

/** A tool that pulls, pulls again, pulls the second image, pushes, pushes again and saves, in this order. */
export function transfers(tool: Tool): Contestant {
  return {
    name: tool.name,
    answers: ["pull", "pull-same", "pull-last", "push", "push-same", "save"],
    play: async (turn) => {
      await using session = await Session.open(tool, turn);
      const { commands } = session;
      const { registry, samples } = turn;
      const first = referenceTo(registry, samples.first);
      await session.answer("pull", commands.pull(first), { registry });
      if (turn.wants("pull-same")) await session.answer("pull-same", commands.pull(first), { registry });
      if (turn.wants("pull-last"))
        await session.answer("pull-last", commands.pull(referenceTo(registry, samples.second)), { registry });
      if (turn.wants("push") || turn.wants("push-same")) await pushTwice(session, turn, first);
      if (turn.wants("save"))
        await session.answer("save", commands.save(first, join(turn.arena.directory, "saved.tar")));
    },
  };
}

async function pushTwice(session: Session, turn: Turn, first: string): Promise<void> {
  await using empty = await openEmptyRegistry(turn);
  const target = referenceTo(empty.registry, turn.samples.first);
  await session.prepare(session.commands.tag(first, target));
  await session.answer("push", session.commands.push(target), { registry: empty.registry });
  await session.answer("push-same", session.commands.push(target), { registry: empty.registry });
}

/** A registry to push to. */
export async function openEmptyRegistry(turn: Turn): Promise<{ readonly registry: Registry } & AsyncDisposable> {
  const directory = join(turn.scratch, "pushed");
  const registry = await turn.startRegistry(directory);
  return {
    registry,
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

/** A tool with nothing in it that loads an archive. */
export function loads(tool: Tool): Contestant {
  return {
    name: tool.name,
    answers: ["load"],
    play: async (turn) => {
      await using session = await Session.open(tool, turn);
      await session.answer("load", session.commands.load(turn.samples.archive));
    },
  };
}
