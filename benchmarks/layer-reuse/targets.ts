import { quantile } from "../rounds.ts";
import { listName } from "./diff.ts";
import { nodeLimit, untarLimit, uploadLimit } from "./limits.ts";
import type { SampleImage } from "./sample-image.ts";
import type { Question, Sample } from "./turn.ts";
import type { Samplings } from "./turns.ts";

/** What `ctr` is held to. */
export interface Target {
  readonly what: string;
  readonly is: number;
  readonly atMost: number;
}

const peakMiB = 150e6 / 2 ** 20;
/** Headers of the few requests that a pull of one layer takes. */
const headerBytes = 8192;

/**
 * The targets that these samples can tell about.
 *
 * @param o.second  of which only the last layer and the documents have to be moved
 * @param o.peers  names of the tools that `ctr` is to be ahead of
 */
export function targetsOf(o: {
  readonly samplings: Samplings;
  readonly second: SampleImage;
  readonly peers: readonly string[];
}): Target[] {
  const samplesOf = (question: Question, name: string): readonly Sample[] => o.samplings.get(question)?.get(name) ?? [];
  /** None when one of the two was not there. */
  const ratio = (question: Question, other: string, atMost: number): Target[] => {
    const theirs = samplesOf(question, other);
    const ratios = samplesOf(question, "ctr").flatMap(({ milliseconds }, round) => {
      const their = theirs[round];
      return their === undefined ? [] : [milliseconds / their.milliseconds];
    });
    return ratios.length === 0
      ? []
      : [{ what: `${question}: time to that of ${other}`, is: quantile(ratios, 0.5), atMost }];
  };
  const most = (
    question: Question,
    what: string,
    atMost: number,
    value: (one: Sample) => number | undefined,
  ): Target[] => {
    const values = samplesOf(question, "ctr").flatMap((one) => value(one) ?? []);
    return values.length === 0 ? [] : [{ what: `${question}: ${what}`, is: Math.max(...values), atMost }];
  };
  const moved = o.second.layers.at(-1)!.descriptor.size + o.second.manifest.size + o.second.config.size;
  const large = [...(o.samplings.get("large") ?? [])];
  const lists = samplesOf("diff", listName).map(({ milliseconds }) => milliseconds);
  return [
    ...ratio("pull", untarLimit, 1.3),
    ...o.peers.flatMap((peer) => ratio("pull", peer, 1)),
    ...most("pull-same", "requests", 1, ({ requests }) => requests),
    ...ratio("pull-same", nodeLimit, 1.2),
    ...most("pull-last", "bytes beside the layer and the documents", headerBytes, ({ wireBytes }) =>
      wireBytes === undefined ? undefined : wireBytes - moved,
    ),
    ...ratio("push", uploadLimit, 2),
    ...ratio("push-same", nodeLimit, 1.5),
    ...(["save", "load"] as const).flatMap((question) => o.peers.flatMap((peer) => ratio(question, peer, 1 / 3))),
    ...(["pull", "push", "save", "load"] as const).flatMap((question) =>
      most(question, "peak MiB", peakMiB, ({ peakKiB }) => peakKiB / 1024),
    ),
    ...large.map(([row, samples]) => ({
      what: `large: peak MiB of ${row}`,
      is: Math.max(...samples.map(({ peakKiB }) => peakKiB / 1024)),
      atMost: peakMiB,
    })),
    ...(lists.length === 0 ? [] : [{ what: "diff: ms", is: quantile(lists, 0.5), atMost: 10 }]),
  ];
}
