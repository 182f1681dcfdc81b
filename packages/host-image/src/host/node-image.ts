import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { addBaseFiles, searchPath } from "../base-files.ts";
import { ImageTree } from "../image-tree.ts";
import { assembleImage, type HostImage } from "./assemble-image.ts";
import { addBasicTools, fromHostLabel } from "./busybox-image.ts";
import { FileCollector } from "./collect-files.ts";
import { addNeeds } from "./host-image.ts";
import { resolveProgram } from "./resolve-program.ts";

export interface NodeImageOptions {
  /** An absolute path. Default: the Node that runs this. */
  readonly node?: string;
  readonly signal?: AbortSignal;
}

/**
 * An image with Node in /usr/local/bin, npm if this machine has it, a shell and basic tools, time zones and
 * CA certificates: what `node:slim` has, as far as it is here.
 * @throws {HostImageError} see `hostImage`
 */
export async function nodeImage({ node = process.execPath, signal }: NodeImageOptions = {}): Promise<HostImage> {
  const tree = new ImageTree();
  addBaseFiles(tree);
  const files = new FileCollector(tree);
  addBasicTools(files);
  const program = resolveProgram({ program: node });
  addNeeds(files, program);
  if (program.usesOrigin) {
    files.add("programs", program.path); // its libraries lie beside it
    tree.symlink("programs", "usr/local/bin/node", program.path);
  } else {
    files.addFileAs("programs", realpathSync(program.path), "usr/local/bin/node");
  }
  addNpm(tree, files, program.path);
  const bundle = certificates.find(exists);
  for (const path of ["/usr/share/zoneinfo", bundle]) if (path !== undefined && exists(path)) files.add("data", path);
  // Node has a list of its own: what this machine trusts besides, perhaps its registry's, comes by this name.
  const trust = bundle === undefined ? [] : [`NODE_EXTRA_CA_CERTS=${bundle}`];
  const defaults = { Env: [`PATH=${searchPath}`, ...trust], Cmd: ["node"], Labels: { [fromHostLabel]: "node" } };
  return assembleImage(tree, defaults, signal);
}

// Where Debian, Red Hat, SUSE and Alpine keep the bundle.
const certificates: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

function addNpm(tree: ImageTree, files: FileCollector, node: string): void {
  const directory = npmDirectory(node);
  if (directory === undefined) return;
  files.addMoved("programs", directory, "usr/local/lib/node_modules/npm");
  for (const name of ["npm", "npx"])
    tree.symlink("programs", `usr/local/bin/${name}`, `../lib/node_modules/npm/bin/${name}-cli.js`);
}

// npm is a link into its package: beside node, or where it is installed for everybody.
function npmDirectory(node: string): string | undefined {
  const beside = dirname(realpathSync(node));
  const places = [
    `${beside}/npm`,
    `${beside}/../lib/node_modules/npm/bin/npm-cli.js`,
    ...searchPath.split(":").map((path) => `${path}/npm`),
  ];
  for (const place of places) {
    if (!exists(place)) continue;
    const directory = dirname(dirname(realpathSync(place)));
    if (isNpm(directory)) return directory;
  }
  return undefined;
}

function isNpm(directory: string): boolean {
  try {
    return (JSON.parse(readFileSync(`${directory}/package.json`, "utf8")) as { name?: unknown }).name === "npm";
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
