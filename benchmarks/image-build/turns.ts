import { cpSync } from "node:fs";
import { join } from "node:path";
import { openArena } from "../layer-reuse/arena.ts";
import { shuffled } from "../rounds.ts";
import type { Usage } from "../stopwatch.ts";
import type { Contestant, Question, Stage, Turn } from "./questions.ts";

/** Samples by question, then by row: one a round. */
export type Samplings = ReadonlyMap<Question, Map<string, Usage[]>>;

export interface Outcome {
  readonly samplings: Samplings;
  /** Who could not do it, and why. */
  readonly skipped: readonly string[];
}

/** The context of a turn: every contestant changes his own. */
export function copyContext(turn: Turn): string {
  const context = join(turn.arena.directory, "context");
  cpSync(turn.context, context, { recursive: true, preserveTimestamps: true });
  return context;
}

/** All contestants in another order each round, after one warm-up, each on a fresh file system. Who fails is out. */
export async function takeTurns(o: {
  readonly stage: Stage;
  readonly contestants: readonly Contestant[];
  readonly wanted: readonly Question[];
  readonly rounds: number;
  readonly warmUps: number;
  readonly arenaBytes: number;
  readonly onTurn: (round: number, name: string) => void;
}): Promise<Outcome> {
  const samplings = new Map(o.wanted.map((question) => [question, new Map<string, Usage[]>()]));
  const skipped: string[] = [];
  let able = o.contestants;
  for (let round = 1 - o.warmUps; round <= o.rounds; round++)
    for (const contestant of shuffled(able)) {
      o.onTurn(round, contestant.name);
      using arena = openArena(o.stage.scratch, o.arenaBytes);
      const record = (question: Question, row: string, usage: Usage): void => {
        const rows = samplings.get(question);
        if (round > 0) rows?.set(row, [...(rows.get(row) ?? []), usage]);
      };
      await contestant.play({ ...o.stage, arena, record }).catch((error: unknown) => {
        skipped.push(`${contestant.name}: ${(error as Error).message}`);
        able = able.filter((one) => one !== contestant);
        for (const rows of samplings.values()) rows.delete(contestant.name);
      });
    }
  return { samplings, skipped };
}
