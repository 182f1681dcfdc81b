import { type Draft, type DraftInstruction, readDraft, writeDraft } from "./draft.ts";
import type { Mutation } from "./mutation.ts";
import { dockerfileOf, type Story, withDockerfile } from "./story.ts";

type Change = (text: string, unique: string) => string | undefined;

/** Changes to the words of one instruction. Undefined: it has no such words. */
const wordChanges: readonly (readonly [kind: string, names: readonly string[], change: Change])[] = [
  ["ARG default", ["ARG"], (text, unique) => replaced(text, /^(ARG \w+=)("?)[^\s"]*/, `$1$2${unique}`)],
  ["ENV value", ["ENV"], (text, unique) => replaced(text, /^(ENV \w+[= ])("?)/, `$1$2${unique}`)],
  ["ENV added", ["ENV"], (text, unique) => (/^ENV \w+=/.test(text) ? `${text} ADDED=${unique}` : undefined)],
  ["LABEL value", ["LABEL"], (text, unique) => replaced(text, /(=)("?)([^\s"\\]*)/, `$1$2${unique}`)],
  ["LABEL added", ["LABEL"], (text, unique) => `${text} added=${unique}`],
  ["WORKDIR", ["WORKDIR"], (text, unique) => `${text}/${unique}`],
  ["USER", ["USER"], (text) => (text === "USER 1234" ? undefined : "USER 1234")],
  ["SHELL", ["SHELL"], (text) => replaced(text, /"-e"/, '"-x"')],
  [
    "CMD",
    ["CMD"],
    (text, unique) => (text.endsWith("]") ? text.replace(/\]$/, `, "${unique}"]`) : `${text} ${unique}`),
  ],
  ["ENTRYPOINT", ["ENTRYPOINT"], (text, unique) => replaced(text, /\]$/, `, "${unique}"]`)],
  ["EXPOSE", ["EXPOSE"], (text) => `${text} 9999/udp`],
  ["VOLUME", ["VOLUME"], (text, unique) => (text.endsWith("]") ? undefined : `${text} /volume-${unique}`)],
  ["STOPSIGNAL", ["STOPSIGNAL"], () => "STOPSIGNAL SIGQUIT"],
  ["HEALTHCHECK", ["HEALTHCHECK"], () => "HEALTHCHECK NONE"],
  ["RUN command", ["RUN"], (text, unique) => (isShellLine(text) ? `${text} && echo ${unique}` : undefined)],
  ["RUN heredoc", ["RUN"], (text, unique) => replaced(text, /(\n)(?=[^\n]*$)/, `\n# ${unique}\n`, /<</)],
  [
    "RUN --network",
    ["RUN"],
    (text) => (text.includes("--network") ? undefined : text.replace(/^RUN /, "RUN --network=none ")),
  ],
  [
    "RUN cache mount",
    ["RUN"],
    (text, unique) => text.replace(/^RUN /, `RUN --mount=type=cache,target=/cache-${unique} `),
  ],
  ["RUN mount option", ["RUN"], (text, unique) => replaced(text, /type=cache,/, `type=cache,id=${unique},`)],
  ["RUN mount id", ["RUN"], (text, unique) => replaced(text, /type=secret,id=\w+/, `type=secret,id=${unique}`)],
  [
    "COPY --chmod",
    ["COPY"],
    (text) => (/--chmod|--link/.test(text) ? undefined : text.replace(/^COPY /, "COPY --chmod=0600 ")),
  ],
  [
    "COPY --chown",
    ["COPY"],
    (text) => (/--chown|--link/.test(text) ? undefined : text.replace(/^COPY /, "COPY --chown=4321:4321 ")),
  ],
  [
    "COPY destination",
    ["COPY"],
    (text, unique) => (isOneLine(text) && !text.endsWith("]") ? `${text.replace(/\/?$/, "")}-${unique}/` : undefined),
  ],
  ["COPY heredoc", ["COPY"], (text, unique) => replaced(text, /(\n)(?=[^\n]*$)/, `\n${unique}\n`, /<</)],
  [
    "ADD --chmod",
    ["ADD"],
    (text) => (/\.tar\b|--ch/.test(text) ? undefined : text.replace(/^ADD /, "ADD --chmod=0600 ")),
  ],
  [
    "ONBUILD trigger",
    ["ONBUILD"],
    (text, unique) => (text.startsWith("ONBUILD RUN") ? `${text} ${unique}` : undefined),
  ],
  ["MAINTAINER", ["MAINTAINER"], (text, unique) => `${text} ${unique}`],
  // No change of meaning:
  ["keyword's case", ["RUN", "COPY", "ENV", "WORKDIR"], (text) => text.replace(/^\w+/, (word) => word.toLowerCase())],
  [
    "white space",
    ["COPY", "ENV", "WORKDIR", "USER", "LABEL"],
    (text) => (isOneLine(text) ? text.replace(/ /, "   ") : undefined),
  ],
  ["space at the end", ["RUN", "COPY", "CMD"], (text) => (isOneLine(text) ? `${text}  ` : undefined)],
  ["line broken", ["COPY"], (text) => (isOneLine(text) ? text.replace(/ (?=\S+$)/, " \\\n  ") : undefined)],
  ["comment in it", ["RUN"], (text) => replaced(text, /\\\n/, "\\\n# a comment\n")],
  ["source as ./", ["COPY"], (text) => replaced(text, /^COPY (?=[a-zA-Z]\S* )/, "COPY ./")],
];

/** Whole instructions that come, go or move. */
const newInstructions: readonly string[] = [
  "ARG ADDED=1",
  "ENV ADDED=1",
  "LABEL added=1",
  "USER 4321",
  "RUN echo added > /added",
  "WORKDIR /added",
  "EXPOSE 1234",
  "VOLUME /added",
  'SHELL ["/bin/sh", "-x", "-c"]',
  "COPY <<EOF /added.txt\nadded\nEOF",
];

function replaced(text: string, pattern: RegExp, by: string, only?: RegExp): string | undefined {
  if (only !== undefined && !only.test(text)) return undefined;
  const now = text.replace(pattern, by);
  return now === text ? undefined : now;
}

const isOneLine = (text: string): boolean => !text.includes("\n") && !text.includes("<<");
const isShellLine = (text: string): boolean => !text.includes("<<") && !text.endsWith("]") && !text.includes("`");

/** Every change of this file that this module knows. */
export function dockerfileMutations(story: Story): Mutation[] {
  const draft = readDraft(dockerfileOf(story));
  const unique = uniqueWords(story.name);
  return [
    ...changedWords(story, draft, unique),
    ...addedInstructions(story, draft),
    ...removedInstructions(story, draft),
    ...swappedInstructions(story, draft),
    ...comments(story, draft),
    ...stageNames(story, draft),
  ];
}

/** Words that no other change has: what one has left in the cache must be of no use to another. */
function uniqueWords(name: string): () => string {
  let count = 0;
  return () => `u${name.length}x${++count}`;
}

function mutation(story: Story, draft: Draft, name: string, kind: string): Mutation {
  const origins = draft.instructions.map(({ origin }) => origin);
  return { name, kind, story: withDockerfile(story, writeDraft(draft)), origins };
}

function changedWords(story: Story, draft: Draft, unique: () => string): Mutation[] {
  return draft.instructions.flatMap((it, index) =>
    wordChanges.flatMap(([kind, names, change]) => {
      const text = names.includes(it.name) ? change(it.text, unique()) : undefined;
      if (text === undefined || text === it.text) return [];
      const instructions = draft.instructions.with(index, { ...it, text });
      return [mutation(story, { ...draft, instructions }, `${kind}: ${firstLine(text)}`, kind)];
    }),
  );
}

/** Behind each instruction of a stage one, each time another one. */
function addedInstructions(story: Story, draft: Draft): Mutation[] {
  const firstFrom = draft.instructions.findIndex(({ name }) => name === "FROM");
  return draft.instructions.flatMap((_, index) => {
    if (index < firstFrom) return [];
    const text = newInstructions[(index + story.name.length) % newInstructions.length]!;
    const name = /^\w+/.exec(text)![0];
    const added: DraftInstruction = { before: "", text, name, origin: undefined };
    const instructions = draft.instructions.toSpliced(index + 1, 0, added);
    return [mutation(story, { ...draft, instructions }, `added at ${index + 1}: ${firstLine(text)}`, `${name} added`)];
  });
}

function removedInstructions(story: Story, draft: Draft): Mutation[] {
  return draft.instructions.flatMap((it, index) => {
    if (it.name === "FROM") return [];
    const instructions = draft.instructions.toSpliced(index, 1);
    return [mutation(story, { ...draft, instructions }, `removed: ${firstLine(it.text)}`, `${it.name} removed`)];
  });
}

function swappedInstructions(story: Story, draft: Draft): Mutation[] {
  return draft.instructions.flatMap((it, index) => {
    const next = draft.instructions[index + 1];
    if (next === undefined || it.name === "FROM" || next.name === "FROM") return [];
    const instructions = draft.instructions.toSpliced(index, 2, next, it);
    return [mutation(story, { ...draft, instructions }, `swapped: ${firstLine(it.text)}`, "two swapped")];
  });
}

function comments(story: Story, draft: Draft): Mutation[] {
  const put = (index: number, before: string, name: string): Mutation => {
    const it = draft.instructions[index]!;
    const instructions = draft.instructions.with(index, { ...it, before });
    return mutation(story, { ...draft, instructions }, name, name);
  };
  const last = draft.instructions.length - 1;
  const commented = draft.instructions.findIndex(({ before }) => /^# [A-Z]/m.test(before));
  const { before } = draft.instructions[last]!;
  return [
    put(last, `${before}# one more\n`, "comment added"),
    put(last, `${before}\n\n`, "blank lines added"),
    ...(commented < 0
      ? []
      : [
          put(
            commented,
            draft.instructions[commented]!.before.replace(/^# [A-Z].*/m, "# Other words"),
            "comment changed",
          ),
        ]),
  ];
}

/** A stage under another name, and its users with it. */
function stageNames(story: Story, draft: Draft): Mutation[] {
  return draft.instructions.flatMap((it) => {
    const name = /^FROM .* AS (\S+)$/i.exec(it.text)?.[1];
    if (name === undefined) return [];
    const instructions = draft.instructions.map((other) => ({
      ...other,
      text: other.text
        .replace(new RegExp(`^(FROM .* AS )${name}$`, "i"), "$1renamed")
        .replace(new RegExp(`^(FROM )${name}(?= |$)`), "$1renamed")
        .replace(new RegExp(`(--from=|,from=|=from=)${name}(?=[ ,])`, "g"), "$1renamed"),
    }));
    if (story.options.target === name) return [];
    return [mutation(story, { ...draft, instructions }, `stage ${name} renamed`, "stage renamed")];
  });
}

const firstLine = (text: string): string => text.split("\n")[0]!.slice(0, 70);
