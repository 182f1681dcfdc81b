import type { Arena } from "../layer-reuse/arena.ts";
import type { Usage } from "../stopwatch.ts";

/** What is asked, and the name of it on the command line. */
export const questions = {
  none: "Build it with nothing in the cache",
  cached: "Build it again: nothing has changed",
  last: "A file of the last COPY has changed",
  first: "The file of the first COPY has changed",
} as const;

export type Question = keyof typeof questions;

export const allQuestions = Object.keys(questions) as Question[];

/** Where everything lies, in all turns. */
export interface Stage {
  readonly scratch: string;
  /** The compiled stopwatch. */
  readonly stopwatch: string;
  /** The context as it is at first. */
  readonly context: string;
  /** Of the base image, as `docker save` writes it, with its name. */
  readonly base: { readonly archive: string; readonly name: string };
  /** The base's files. */
  readonly rootfs: string;
}

/** One contestant in one round, on a file system and a context of its own. */
export interface Turn extends Stage {
  readonly arena: Arena;
  /** @param row  What the table calls it */
  readonly record: (question: Question, row: string, usage: Usage) => void;
}

export interface Contestant {
  readonly name: string;
  readonly play: (turn: Turn) => Promise<void>;
}
