import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layerName } from "./sample-archive.ts";
import type { SampleLayer } from "./sample-layer.ts";
import { Surroundings } from "./surroundings.ts";
import { openEmptyRegistry } from "./tool-turn.ts";
import type { Contestant, Question, Turn } from "./turn.ts";

/** One shell command that does what no tool can do without. It runs in an empty directory of the arena. */
function limit(o: {
  readonly name: string;
  readonly question: Question;
  readonly script: (turn: Turn) => string;
}): Contestant {
  return {
    name: o.name,
    answers: [o.question],
    play: async (turn) => {
      await using surroundings = new Surroundings(turn);
      const directory = join(turn.arena.directory, "limit");
      mkdirSync(directory);
      turn.record(o.question, await surroundings.measure(["sh", "-ec", `cd ${directory}; ${o.script(turn)}`]));
    },
  };
}

/** `script` for every layer, two at a time: $0 is the layer's file, $1 a new directory. */
function forLayers(turn: Turn, file: (layer: SampleLayer) => string, script: string): string {
  const list = join(turn.scratch, "layers.txt");
  const lines = turn.samples.first.layers.map((layer, index) => `${file(layer)} ${index}\n`);
  writeFileSync(list, lines.join(""));
  return `mkdir ${lines.map((_, index) => index).join(" ")}; xargs -P 2 -L 1 sh -c '${script}' < ${list}`;
}

export const untarLimit = "limit: gzip -dc | tar -x, two layers at a time";

/** What bounds a pull. */
export function pullLimits(): Contestant[] {
  const question = "pull";
  return [
    limit({
      ...{ name: untarLimit, question },
      script: (turn) => forLayers(turn, ({ packed }) => packed, 'gzip -dc "$0" | tar -x -C "$1"'),
    }),
    limit({
      ...{ name: "limit: tar -x alone, two layers at a time", question },
      script: (turn) => forLayers(turn, ({ plain }) => plain, 'tar -xf "$0" -C "$1"'),
    }),
    limit({
      ...{ name: "limit: cp -a of the unpacked image", question },
      script: (turn) => `cp -a ${turn.unpacked} copy`,
    }),
    limit({
      ...{ name: "limit: gzip -dc alone, two layers at a time", question },
      script: (turn) => forLayers(turn, ({ packed }) => packed, 'gzip -dc "$0" > /dev/null'),
    }),
    limit({
      ...{ name: "limit: sha256sum of both forms, two layers at a time", question },
      script: (turn) => forLayers(turn, ({ packed, plain }) => `${packed},${plain}`, bothForms),
    }),
    limit({ ...{ name: "limit: curl of all blobs, two at a time", question }, script: downloadScript }),
  ];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
const bothForms = 'sha256sum "${0%,*}" "${0#*,}"';

function downloadScript(turn: Turn): string {
  const { host } = turn.registry;
  const { repository, layers } = turn.samples.first;
  const transfers = layers.map(
    ({ descriptor }) => `-o /dev/null http://${host}/v2/${repository}/blobs/${descriptor.digest}`,
  );
  return `curl -sSf -Z --parallel-max 2 ${transfers.join(" ")}`;
}

export const uploadLimit = "limit: curl's upload of all blobs, two at a time";

/** What bounds a push: the same bytes to the same server, one request each. */
export function pushLimit(): Contestant {
  return {
    name: uploadLimit,
    answers: ["push"],
    play: async (turn) => {
      await using empty = await openEmptyRegistry(turn);
      await using surroundings = new Surroundings(turn);
      const { repository, layers } = turn.samples.first;
      const list = join(turn.scratch, "uploads.txt");
      const uploads = `http://${empty.registry.host}/v2/${repository}/blobs/uploads`; // after a slash, curl would add a name
      const line = ({ packed, descriptor }: SampleLayer): string =>
        `${packed} ${uploads}?digest=${descriptor.digest}\n`;
      writeFileSync(list, layers.map(line).join(""));
      const upload = 'curl -sSf -H Expect: -X POST -T "$0" "$1"';
      turn.record("push", await surroundings.measure(["sh", "-ec", `xargs -P 2 -L 1 sh -c '${upload}' < ${list}`]));
    },
  };
}

export const nodeLimit = "limit: node -e 0";

/** What bounds commands that find nothing to do. */
export function nodeAlone(question: Question): Contestant {
  return limit({ name: nodeLimit, question, script: () => `exec ${process.execPath} -e 0` });
}

/** What bounds the way to and from an archive. */
export function archiveLimits(): Contestant[] {
  const extract = (turn: Turn): string => {
    const names = turn.samples.first.layers.map((_, index) => layerName(index));
    const lines = names.map((name, index) => `${name} ${index}`).join("\\n");
    const untar = `tar -xOf ${turn.samples.archive} "$0" | tar -x -C "$1"`;
    return `mkdir ${names.map((_, index) => index).join(" ")}; printf '${lines}' | xargs -P 2 -L 1 sh -c '${untar}'`;
  };
  return [
    limit({ name: "limit: cp of the archive", question: "save", script: (turn) => `cp ${turn.samples.archive} copy` }),
    limit({ name: "limit: tar -x of the layers in it, two at a time", question: "load", script: extract }),
    limit({
      ...{ name: "limit: tar -x of the archive alone", question: "load" },
      script: (turn) => `tar -xf ${turn.samples.archive}`,
    }),
  ];
}
