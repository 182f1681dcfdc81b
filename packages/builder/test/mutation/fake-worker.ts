import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix } from "node:path";
import type { RunMount, RunRequest, RunWorker } from "../../src/index.ts";

//  What a command makes is guessed from its words, and what is in it follows from all that the command can see: its
//  arguments, variables, user, directory, mounts and the files below. So other circumstances make other files, and the
//  same ones the same. "Steady" commands, which install or make users, make the same whatever is below them.

const steady = /^(?:apk|apt-get|adduser|addgroup|corepack|mkdir)\b/;
const quiet = /^(?:true|test)\b/;

/** Where tools leave their results, from the working directory. */
const toolOutputs: readonly (readonly [words: RegExp, path: string])[] = [
  [/\bnpm (?:ci|install|prune)\b/, "node_modules/.package-lock.json"],
  [/\bpnpm install\b/, "node_modules/.modules.yaml"],
  [/\bpnpm --filter \S+ build\b/, "packages/bundle.txt"],
  [/\bnpm run build\b/, "dist/main.js"],
  [/\bpython -m venv\b/, "/opt/venv/bin/python"],
  [/\bpip install\b/, "/opt/venv/lib/installed.txt"],
  [/\bpip download\b/, "downloads.txt"],
  [/\bgo mod download\b/, "/go/pkg/mod/cache.txt"],
  [/\bcargo build\b/, "/out/app"],
  [/\bmvn\b.*\bgo-offline\b/, "/root/.m2/repository.txt"],
  [/\bmvn\b.*\bpackage\b/, "target/app.jar"],
  [/\bextract --layers\b/, "extracted/dependencies/lib.jar"],
  [/\bextract --layers\b/, "extracted/application/app.jar"],
  [/\bmake (?:CFLAGS|all)\b/, "hello"],
  [/\bbundle install\b/, "/usr/local/bundle/gems.txt"],
  [/\bcomposer (?:install|dump-autoload)\b/, "vendor/autoload.php"],
  [/\bdotnet restore\b/, "obj/project.assets.json"],
  [/\bdotnet publish\b/, "/app/Shop.Web.dll"],
  [/\bmkdocs build\b/, "/site/index.html"],
  [/\bmkdocs build\b/, "/site/guide/index.html"],
];

/** Writes files that follow from what a command sees, in a moment; nothing is executed. */
export class FakeWorker implements RunWorker {
  async run(request: RunRequest): Promise<{ exitCode: number }> {
    const command = request.args.at(-1) ?? "";
    const content = steady.test(command) ? hashOf([request.args]) : hashOf(allThatIsSeen(request));
    const paths = outputsOf(command).map((path) => posix.resolve(request.cwd, path));
    for (const path of paths) put(request.upper, path, content);
    settleTimes(request.upper);
    return { exitCode: 0 };
  }
}

function outputsOf(command: string): string[] {
  const written = [...command.matchAll(/(?:>>?\s*|-o\s+|touch\s+)([\w./$-]+)/g)].map((match) => match[1]!);
  const known = toolOutputs.flatMap(([words, path]) => (words.test(command) ? [path] : []));
  const all = [...written, ...known];
  const isFile = (path: string): boolean => all.every((other) => !other.startsWith(`${path}/`));
  const paths = all.filter((path) => !path.includes("$") && !path.startsWith("/dev/") && isFile(path));
  if (paths.length > 0 || quiet.test(command)) return paths;
  return [`/var/log/ran/${hashOf(command).slice(0, 12)}`];
}

function allThatIsSeen({ args, env, cwd, user, network, security, lowers, mounts }: RunRequest): unknown {
  return [args, env, cwd, user, network, security, lowers.map(contentOfLayer), mounts.map(contentOf)];
}

const layers = new Map<string, string>();

/** Layers never change: each is read once. */
function contentOfLayer(directory: string): string {
  const content = layers.get(directory) ?? hashOf(listFiles(realpathSync(directory)));
  layers.set(directory, content);
  return content;
}

function contentOf(mount: RunMount): unknown {
  const { type, target } = mount;
  if (type === "path") return [type, target, ...listFiles(mount.source)];
  if (type === "layers") return [type, target, mount.path, mount.lowers.map(contentOfLayer)];
  return [type, target]; // what is in a secret or a tmpfs is nobody's to know
}

function listFiles(path: string): string[] {
  const status = lstatSync(path);
  if (status.isFile()) return [readFileSync(path, "latin1")];
  if (!status.isDirectory()) return [];
  return readdirSync(path).flatMap((name) => [name, ...listFiles(join(path, name))]);
}

function put(upper: string, path: string, content: string): void {
  const target = join(upper, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `${content}\n`);
  chmodSync(target, 0o644);
}

/** When it ran is not a part of what a step makes, here. */
function settleTimes(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" }))
    utimesSync(join(directory, name), 1, 1);
}

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
