import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Contents, Random } from "../layer-reuse/sample-contents.ts";

/** Steps that can change files: what the overhead is divided by. */
export const stepCount = 9;

const dockerfile = `FROM bench-base
WORKDIR /app
COPY package.json ./
RUN cat package.json > installed
COPY vendor vendor
RUN ls vendor > vendored
COPY lib lib
RUN cat lib/0/0.js > library
COPY src src
RUN cat src/0/0.js installed > bundle
ENV NODE_ENV=production
CMD ["cat", "bundle"]
`;

/** The commands of the same file, for a chroot: what is copied, then what is run. */
export const plainSteps: readonly { readonly copy?: string; readonly run?: string }[] = [
  { copy: "package.json" },
  { run: "cat package.json > installed" },
  { copy: "vendor" },
  { run: "ls vendor > vendored" },
  { copy: "lib" },
  { run: "cat lib/0/0.js > library" },
  { copy: "src" },
  { run: "cat src/0/0.js installed > bundle" },
];

const folders = { vendor: 0.4, lib: 0.4, src: 0.2 } as const;
const perDirectory = 50;

/** Write a context of `files` small sources, the same ones in every run. */
export function writeContext(directory: string, files: number): void {
  const random = new Random(11);
  const contents = new Contents();
  put(directory, "Dockerfile", Buffer.from(dockerfile));
  put(directory, "package.json", Buffer.from('{ "name": "bench", "version": "1.0.0" }\n'));
  for (const [folder, share] of Object.entries(folders))
    for (let index = 0; index < files * share; index++) {
      const size = Math.min(200_000, Math.round(Math.exp(7.5 + 1.2 * random.normal())));
      const path = `${folder}/${Math.floor(index / perDirectory)}/${index % perDirectory}.js`;
      put(directory, path, Buffer.concat([...contents.slices("text", size, random)]));
    }
}

function put(directory: string, path: string, content: Uint8Array): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), content);
}

/** The file that a question changes. */
export const changedFile = { first: "package.json", last: "src/1/1.js" } as const;
