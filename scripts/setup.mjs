// Sets the repository up: dependencies, native code, types, the command. Plain JavaScript for Node 20
// without node_modules; what is up to date is left alone, so a second run takes well under a second.
//
//   machine.mjs ──▶ npm ci ──▶ packages/kernel/scripts/build-native.mjs ──▶ tsc -b ──▶ packages/cli/scripts/bundle.mjs
//   one line each   only when node_modules differs        cc                 dist/            the `ctr` command
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { problems, readFacts } from "./machine.mjs";
import { ProgramFailed, runWithProgress } from "./progress.mjs";

export const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(repository, "node_modules");
const oldestRuntime = [22, 18];

/**
 * Set up what is missing.
 * @param needsContainers  refuse, before any work, a user who cannot run containers
 * @returns `node`, the Node that everything else runs with, `environment` for it, and `typeErrors`, the
 *   text of the compiler or an empty string: tests run on sources and do not need a clean build
 */
export async function setUp({ needsContainers }) {
  const missing = problems(readFacts(), needsContainers);
  if (missing.length > 0) stop(missing.join("\n"));
  try {
    await installDependencies();
    const node = findNode();
    const environment = { ...process.env, PATH: [join(modules, ".bin"), process.env.PATH].join(delimiter) };
    await buildNative(node, environment);
    const typeErrors = await buildTypes(node, environment);
    await bundleCommand(node, environment);
    return { node, environment, typeErrors };
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    process.stderr.write(error.output);
    stop(error.message);
  }
}

function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

async function installDependencies() {
  if (modulesMatchLock()) return;
  const hasLock = existsSync(join(repository, "package-lock.json"));
  // Node 20 may install what Node 24 then runs: warnings about `engines` would only scare people.
  const args = [hasLock ? "ci" : "install", "--loglevel=error", "--no-audit", "--no-fund"];
  await runWithProgress("Installing dependencies (about a minute, once)", "npm", args, { cwd: repository });
}

/** Compares the lock with the one that npm writes into node_modules as its last act. */
function modulesMatchLock() {
  const wanted = readLock(join(repository, "package-lock.json"));
  const installed = readLock(join(modules, ".package-lock.json"));
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, link, optional, peer }]) => {
    if (!path.startsWith("node_modules/")) return true;
    const there = installed[path];
    return there === undefined ? Boolean(optional || peer) : Boolean(link) || there.version === version;
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/** The Node of the dev dependency `node`; the one that runs this where that one is missing or cannot run here (musl). */
function findNode() {
  const carried = join(modules, "node/bin/node");
  if (runs(carried)) return carried;
  spawnSync("npm", ["rebuild", "node", "--loglevel=error"], { cwd: repository, stdio: "ignore" });
  if (runs(carried)) return carried;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestRuntime[0] || (major === oldestRuntime[0] && minor >= oldestRuntime[1])) return process.execPath;
  stop(
    `The npm package "node" brought no Node that runs here, and Node ${process.versions.node} is older than ${oldestRuntime.join(".")}: install Node 24, or let npm run the install script of "node".`,
  );
}

const runs = (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;

async function buildNative(node, env) {
  const product = stamped("native", ["packages/kernel/native", "packages/kernel/scripts"]);
  if (product.isFresh(["packages/kernel/build/ctr-init", "packages/kernel/build/ctr_kernel.node"])) return;
  const script = join(repository, "packages/kernel/scripts/build-native.mjs");
  await runWithProgress("Compiling the native code", node, [script], { cwd: repository, env });
  product.markFresh();
}

async function buildTypes(node, env) {
  const product = stamped("types", ["packages", "tsconfig.json", "tsconfig.base.json"]);
  const outputs = packageNames().map((name) => `packages/${name}/dist`);
  if (product.isFresh(outputs)) return "";
  // tsc believes its own notes: where somebody removed a dist, only --force writes it again.
  const force = outputs.every((path) => existsSync(join(repository, path))) ? [] : ["--force"];
  const compiler = join(modules, "typescript/bin/tsc");
  try {
    await runWithProgress("Compiling TypeScript", node, [compiler, "-b", ...force], { cwd: repository, env });
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    return error.output;
  }
  product.markFresh();
  return "";
}

async function bundleCommand(node, env) {
  const script = join(repository, "packages/cli/scripts/bundle.mjs");
  if (!existsSync(script)) return;
  const product = stamped("command", ["packages"]);
  if (product.isFresh(["packages/cli/dist/bundle/ctr.js"])) return;
  await runWithProgress("Bundling the ctr command", node, [script], { cwd: repository, env });
  product.markFresh();
}

/** The folders of packages/, in no order that means anything. */
export function packageNames() {
  const folders = readdirSync(join(repository, "packages"));
  return folders.filter((name) => existsSync(join(repository, "packages", name, "package.json")));
}

/** A product that is made again only when what it is made from has another hash than at its last making. */
function stamped(product, inputs) {
  const stamp = join(modules, ".cache/ctr-setup", product);
  const hash = hashOf(inputs);
  return {
    isFresh: (outputs) =>
      outputs.every((path) => existsSync(join(repository, path))) &&
      existsSync(stamp) &&
      readFileSync(stamp, "utf8") === hash,
    markFresh() {
      mkdirSync(dirname(stamp), { recursive: true });
      writeFileSync(stamp, hash);
    },
  };
}

function hashOf(inputs) {
  const hash = createHash("sha256").update(process.arch);
  for (const file of inputs.flatMap((input) => filesIn(join(repository, input))))
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}

const notInputs = /^(node_modules|dist|build|test|README\.md|api\.md|CHANGELOG\.md|.*\.tsbuildinfo)$/;

function filesIn(path) {
  if (statSync(path).isFile()) return [path];
  const names = readdirSync(path).filter((name) => !notInputs.test(name));
  return names.sort().flatMap((name) => filesIn(join(path, name)));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { typeErrors } = await setUp({ needsContainers: false });
  if (typeErrors !== "") stop(typeErrors);
}
