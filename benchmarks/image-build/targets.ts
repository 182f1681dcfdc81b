import { quantile } from "../rounds.ts";
import type { Usage } from "../stopwatch.ts";
import { nodeLimit, plainLimit } from "./limits.ts";
import type { Question } from "./questions.ts";
import type { Reasons } from "./reasons.ts";
import { stepCount } from "./sample-context.ts";
import type { Samplings } from "./turns.ts";

/** What `ctr` is held to. */
export interface Target {
  readonly what: string;
  readonly is: number;
  readonly atMost: number;
}

/** The targets that these samples can tell about. */
export function targetsOf(o: {
  readonly samplings: Samplings;
  readonly peers: readonly string[];
  readonly reasons: readonly Reasons[];
}): Target[] {
  const timesOf = (question: Question, name: string): number[] =>
    (o.samplings.get(question)?.get(name) ?? []).map(({ milliseconds }: Usage) => milliseconds);
  /** Within a round; none when one of the two was not there. */
  const compared = (
    question: Question,
    other: string,
    value: (own: number, their: number) => number,
  ): number | undefined => {
    const theirs = timesOf(question, other);
    const values = timesOf(question, "ctr").flatMap((own, round) =>
      theirs[round] === undefined ? [] : [value(own, theirs[round])],
    );
    return values.length === 0 ? undefined : quantile(values, 0.5);
  };
  const target = (what: string, is: number | undefined, atMost: number): Target[] =>
    is === undefined || Number.isNaN(is) ? [] : [{ what, is, atMost }];
  const ratio = (own: number, their: number): number => own / their;
  const none = quantile(timesOf("none", "ctr"), 0.5);
  return [
    ...target(`cached: time to that of ${nodeLimit}`, compared("cached", nodeLimit, ratio), 1.5),
    ...o.peers.flatMap((peer) => target(`cached: time to that of ${peer}`, compared("cached", peer, ratio), 1 / 3)),
    ...target(
      "none: milliseconds a step over the plain commands",
      compared("none", plainLimit, (own, their) => (own - their) / stepCount),
      15,
    ),
    ...o.reasons
      .slice(-1)
      .flatMap(({ bytes, milliseconds }) => [
        ...target("reasons: percent of the time of a build", (100 * milliseconds) / none, 1),
        ...target("reasons: MB", bytes / 1e6, 1),
      ]),
  ];
}
