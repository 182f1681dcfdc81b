import { parse } from "@ctr/dockerfile";
import type { Mutation } from "./mutation.ts";
import { dockerfileOf, type Story, type StoryBase, type StoryFile, type StoryOptions, storyFile } from "./story.ts";

/** Changes to the context, the arguments, the flags and the base. */
export function surroundingsMutations(story: Story): Mutation[] {
  return [...contextMutations(story), ...argumentMutations(story), ...optionMutations(story), ...baseMutations(story)];
}

function contextMutations(story: Story): Mutation[] {
  const names = Object.keys(story.files).filter((path) => path !== "Dockerfile" && path !== ".dockerignore");
  const put = (kind: string, path: string, file: StoryFile | undefined, at = path): Mutation => {
    const { [path]: _, ...rest } = story.files;
    return {
      name: `${kind}: ${path}`,
      kind,
      story: { ...story, files: file === undefined ? rest : { ...rest, [at]: file } },
    };
  };
  const perFile = names.flatMap((path) => {
    const file = story.files[path]!;
    const { text, mode, time } = file;
    return [
      put("content", path, { ...file, text: `${text}changed`, time: time + 1 }),
      put("mode", path, { ...file, mode: mode ^ 0o111 }),
      put("touch", path, { ...file, time: time + 100 }),
      put("file removed", path, undefined),
      put("file renamed", path, file, `${path}.new`),
      put("file beside it", `${path}~added`, storyFile("added\n")),
    ];
  });
  const ignore = story.files[".dockerignore"];
  const ignoring = names.map((path): Mutation => {
    const text = `${ignore?.text ?? ""}\n${path}\n`;
    return { ...put("ignored", ".dockerignore", storyFile(text)), name: `ignored: ${path}` };
  });
  return [
    ...perFile,
    ...ignoring,
    put("ignore file's comment", ".dockerignore", storyFile(`# a comment\n${ignore?.text ?? ""}`)),
    ...(ignore === undefined ? [] : [put("ignore file removed", ".dockerignore", undefined)]),
    put("directory beside", "beside/file.txt", storyFile("beside\n")),
  ];
}

function argumentMutations(story: Story): Mutation[] {
  const { instructions } = parse(dockerfileOf(story));
  const declared = new Set(instructions.flatMap((it) => (it.name === "ARG" ? it.args.map(({ key }) => key.text) : [])));
  const set = (kind: string, name: string, value: string): Mutation => ({
    name: `${kind}: ${name}`,
    kind,
    story: { ...story, args: { ...story.args, [name]: value } },
  });
  return [
    ...[...declared].map((name) => set("--build-arg", name, name === "APP" ? "web" : `given-${name.toLowerCase()}`)),
    set("--build-arg of nobody", "NOBODY_ASKED", "1"),
    set("proxy", "HTTP_PROXY", "http://proxy.test:3128"),
  ];
}

function optionMutations(story: Story): Mutation[] {
  const set = (kind: string, more: StoryOptions): Mutation => ({
    name: kind,
    kind,
    story: { ...story, options: { ...story.options, ...more } },
  });
  const stages = parse(dockerfileOf(story)).instructions.flatMap((it) =>
    it.name === "FROM" && it.stage ? [it.stage] : [],
  );
  return [
    set("--network", { network: "none" }),
    set("--add-host", { addHost: "db:10.0.0.1" }),
    set("--label", { labels: { more: "label" } }),
    set("--tag", { tags: ["other"] }),
    set("--secret", { secrets: { token: "secret", api: "key" } }),
    set("--no-cache", { noCache: true }),
    set("SOURCE_DATE_EPOCH", { sourceDateEpoch: 1_600_000_000 }),
    ...stages.slice(0, 1).map((name) => set("--no-cache-filter", { noCacheStages: [name] })),
    ...stages.slice(0, 2).map((target) => ({ ...set("--target", { target }), name: `--target ${target}` })),
    ...(isOnlyFiles(story) ? [set("--platform", { platform: "linux/arm64" })] : []),
  ];
}

/** Nothing is executed, and no image is needed: it can be built for any machine. */
function isOnlyFiles(story: Story): boolean {
  const { instructions } = parse(dockerfileOf(story));
  return instructions.every((it) => it.name !== "RUN" && (it.name !== "FROM" || it.base.text === "scratch"));
}

function baseMutations(story: Story): Mutation[] {
  const set = (kind: string, base: Partial<StoryBase>): Mutation => ({
    name: kind,
    kind,
    story: { ...story, base: { ...story.base, ...base } },
  });
  const { env, files, labels, onbuild } = story.base;
  return [
    set("base: a file", { files: { ...files, "etc/motd": "welcome\n" } }),
    set("base: a variable", { env: env.map((line) => (line.startsWith("LANG=") ? "LANG=C" : line)) }),
    set("base: one more variable", { env: [...env, "MORE=1"] }),
    set("base: a label", { labels: { ...labels, vendor: "somebody else" } }),
    set("base: a user", { user: "node" }),
    set("base: a trigger", { onbuild: [...onbuild, "RUN echo triggered > /triggered"] }),
  ];
}
