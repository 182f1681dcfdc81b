import type { Usage } from "../stopwatch.ts";
import type { Arena } from "./arena.ts";
import type { Registry } from "./registry.ts";
import type { SampleImage, Samples } from "./sample-image.ts";

/** What is asked, and the name of it on the command line. */
export const questions = {
  pull: "Pull and unpack an image of which nothing is there",
  "pull-same": "Pull it again: nothing to do",
  "pull-last": "Pull a second image that shares all layers but the last",
  push: "Push the image to an empty registry",
  "push-same": "Push it again: everything is there",
  save: "Save the image as an archive",
  load: "Load and unpack an archive",
  parts: "The parts of a pull, each alone on the same bytes, inside a Node process",
  diff: "A change of one file over a 1 GB image, in the library",
  large: "An image of 1 GB in two layers",
} as const;

export type Question = keyof typeof questions;

/** What one contestant took, once, for one question. */
export interface Sample extends Usage {
  /** That a registry answered. */
  readonly requests?: number;
  /** That went over the registry's sockets, both ways, headers included. */
  readonly wireBytes?: number;
}

/** Where everything is that a benchmark works with, in all its turns. */
export interface Stage {
  /** For what is prepared once. */
  readonly scratch: string;
  readonly samples: Samples;
  /** Serves the samples. */
  readonly registry: Registry;
  /** Another registry of the same kind, on a directory that need not be there. */
  readonly startRegistry: (directory: string) => Promise<Registry>;
  /** The first image's layers, one over the other. */
  readonly unpacked: string;
  /** The compiled stopwatch. */
  readonly stopwatch: string;
}

/** One contestant in one round, on a file system of its own. */
export interface Turn extends Stage {
  readonly arena: Arena;
  readonly wants: (question: Question) => boolean;
  /** @param row  what the table calls it. Default: the contestant's name */
  readonly record: (question: Question, sample: Sample, row?: string) => void;
  /** The contestant could not do it; the round goes on. */
  readonly skip: (question: Question, why: string) => void;
}

export interface Contestant {
  readonly name: string;
  readonly answers: readonly Question[];
  readonly play: (turn: Turn) => Promise<void>;
}

export function referenceTo(registry: Registry, image: SampleImage): string {
  return `${registry.host}/${image.repository}:${image.tag}`;
}
