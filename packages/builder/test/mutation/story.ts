/** A file of a build context, or of a base image. */
export interface StoryFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since the epoch. */
  readonly time: number;
}

/** What every image that a story begins with or copies from is. */
export interface StoryBase {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly onbuild: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

/** Flags of a build that can be a reason to run a step, or must be none. */
export interface StoryOptions {
  readonly target?: string;
  readonly noCache?: boolean;
  readonly noCacheStages?: readonly string[];
  readonly platform?: string;
  readonly network?: "none" | "host";
  readonly addHost?: string;
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  readonly secrets?: Readonly<Record<string, string>>;
  readonly sourceDateEpoch?: number;
}

/** One build: all that decides what comes out. The Dockerfile is one of the files. */
export interface Story {
  readonly name: string;
  readonly files: Readonly<Record<string, StoryFile>>;
  readonly args: Readonly<Record<string, string>>;
  readonly base: StoryBase;
  readonly options: StoryOptions;
}

export const plainBase: StoryBase = {
  env: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
  user: "",
  labels: { vendor: "somebody" },
  onbuild: [],
  files: {
    "etc/passwd": [
      "root:x:0:0:root:/root:/bin/sh",
      ...["node", "app", "rails"].map(
        (name, index) => `${name}:x:${1000 + index}:${1000 + index}::/home/${name}:/bin/sh`,
      ),
      "",
    ].join("\n"),
    "etc/group": "root:x:0:\nnode:x:1000:\napp:x:1001:\nrails:x:1002:\n",
    "etc/motd": "hello\n",
    "etc/ssl/certs/ca-certificates.crt": "certificates\n",
    "usr/bin/composer": "#!/bin/sh\necho composer\n",
    "usr/share/nginx/html/index.html": "<p>welcome</p>\n",
  },
};

export const storyTime = 1_700_000_000;

/** A file as tables have it: its text, which is a program when it begins like one. */
export function storyFile(text: string): StoryFile {
  return { text, mode: text.startsWith("#!") ? 0o755 : 0o644, time: storyTime };
}

/** @param files  By path; `Dockerfile` is one of them */
export function story(
  name: string,
  files: Readonly<Record<string, string>>,
  more: {
    readonly args?: Readonly<Record<string, string>>;
    readonly options?: StoryOptions;
    readonly base?: Partial<StoryBase>;
  } = {},
): Story {
  return {
    name,
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, storyFile(text)])),
    args: more.args ?? {},
    base: { ...plainBase, ...more.base },
    options: more.options ?? {},
  };
}

export const dockerfileOf = ({ files }: Story): string => files.Dockerfile!.text;

export function withDockerfile(it: Story, text: string): Story {
  return { ...it, files: { ...it.files, Dockerfile: { ...it.files.Dockerfile!, text } } };
}
