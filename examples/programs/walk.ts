// The main job, from a Dockerfile to a running container and back to nothing: what `npm start` shows.
import { execFile } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BuildEvent, explainCause } from "@ctr/builder";
import { type Engine, openEngine } from "@ctr/engine";
import { makePipe } from "@ctr/kernel";
import { mountTable } from "@ctr/mounts";
import { readNamespaces } from "@ctr/namespaces";
import { dumpTables, readTables, sendMessages } from "@ctr/netlink";
import { parsePortMapping } from "@ctr/network";
import { openRegistryServer } from "@ctr/registry/server";

const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const erase = process.stdout.isTTY ? "\r\u001b[2K" : "";
const say = (text = ""): void => void process.stdout.write(`${erase}${text}\n`);
/** What is going on meanwhile: one line that the next one replaces, on a terminal only. */
const working = (text: string): void => {
  if (process.stdout.isTTY)
    process.stdout.write(
      `${erase}${text
        .replace(/\p{Cc}/gu, "")
        .trim()
        .slice(0, process.stdout.columns - 2)} …`,
    );
};
const title = (text: string): void => say(`\n${bold(text)}`);
const shortId = (digest: string): string => digest.replace("sha256:", "").slice(0, 12);
const kilobytes = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** What could be left of a container: names that nothing else on this machine has. */
interface Traces {
  readonly id: string;
  readonly pid: number;
  readonly bridge: string;
  readonly network: number;
  /** Every mount of the state directory. */
  readonly root: string;
}

/** The traces that are there now, by kind. */
function found(traces: Traces): readonly (readonly [string, boolean])[] {
  const cgroups = [
    ...readdirSync("/sys/fs/cgroup").map((tree) => join("/sys/fs/cgroup", tree, "ctr")),
    "/sys/fs/cgroup/ctr",
  ];
  const processes = list("/proc").filter((name) => /^\d+$/.test(name));
  const tables = readTables(sendMessages({ protocol: "netfilter", messages: [dumpTables("inet")] }));
  return [
    ["mounts", mountTable().some((mount) => mount.target.startsWith(traces.root))],
    ["cgroups", cgroups.some((directory) => list(directory).includes(traces.id))],
    ["processes", list(`/proc/${traces.pid}`).length > 0],
    ["network interfaces", readFileSync("/proc/net/dev", "utf8").includes(`${traces.bridge}:`)],
    ["firewall rules", tables.includes(traces.bridge)],
    ["namespaces", processes.some((pid) => link(`/proc/${pid}/ns/net`).includes(`net:[${traces.network}]`))],
  ];
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function link(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return []; // it has ended
  }
}

/** A static busybox: this machine's, or the one that its package manager can fetch; undefined when there is none. */
async function findBusybox(scratch: string): Promise<string | undefined> {
  const here = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
  if (here !== undefined) return here;
  const directory = join(scratch, "busybox");
  mkdirSync(directory);
  try {
    await promisify(execFile)("apt-get", ["download", "busybox-static"], { cwd: directory, timeout: 60_000 });
    const [archive] = readdirSync(directory);
    await promisify(execFile)("dpkg-deb", ["-x", archive!, "."], { cwd: directory });
    return ["bin/busybox", "usr/bin/busybox"].map((path) => join(directory, path)).find((path) => existsSync(path));
  } catch {
    return undefined; // another kind of machine, or no network
  }
}

/** The smallest image, and the first look at PID 1. */
async function firstContainer(engine: Engine, scratch: string): Promise<void> {
  working("Looking for a static busybox");
  const busybox = await findBusybox(scratch);
  const made = await engine.images.fromHost({
    programs: ["busybox"],
    tags: ["busybox"],
    ...(busybox === undefined ? {} : { busybox }),
  });
  say(
    `image ${shortId(made.id)} named busybox, out of ${made.label === "busybox" ? "a static busybox" : "this machine's own shell and basic tools: there is no static busybox"}`,
  );
  say("ctr run --rm busybox sh -c 'echo I am PID $$ on $(hostname)':");
  const record = await engine.containers.create({
    image: "busybox",
    command: ["sh", "-c", "echo I am PID $$ on $(hostname)"],
    network: "none",
  });
  (await engine.containers.start(record.id)).attachment.close();
  await engine.containers.wait(record.id);
  for await (const entry of engine.containers.logs(record.id)) process.stdout.write(`  ${entry.log}`);
  await engine.containers.remove(record.id);
}

/** Build and print each instruction with what became of it. */
async function build(engine: Engine, context: string, args: Readonly<Record<string, string>>): Promise<void> {
  let instruction = "";
  const began = performance.now();
  for await (const event of engine.build({ context, args, tags: ["node-app"], network: "host" })) {
    if (event.type === "stepStarted") {
      instruction = `${String(event.step).padStart(2)}/${event.total}  ${event.instruction}`;
      working(instruction);
    } else if (event.type === "stepOutput")
      working(Buffer.from(event.chunk).toString().split("\n").at(-2) ?? instruction);
    else if (event.type === "stepFinished") say(showStep(instruction, event));
    else if (event.type === "imageFinished")
      say(`image ${shortId(event.id)}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}

function showStep(
  instruction: string,
  { outcome, layer, milliseconds }: Extract<BuildEvent, { type: "stepFinished" }>,
): string {
  const made =
    layer === undefined
      ? "no file changed"
      : `layer ${shortId(layer.diffId)}  ${kilobytes(layer.size).padStart(8)}  ${layer.files} ${layer.files === 1 ? "file" : "files"}`;
  const how =
    outcome.decision === "metadata"
      ? "no layer: it changes no file"
      : outcome.decision === "reused"
        ? `reused  ${made}`
        : `${outcome.causes[0]?.kind === "new" ? "" : `ran: ${outcome.causes.map(explainCause).join("; ")}  `}${made}  ${Math.round(milliseconds)} ms`;
  return `${instruction.padEnd(65)}  ${how.trim()}`;
}

/** Where the base image's npm finds packages, when it can be reached from here. */
async function registry(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("npm", ["config", "get", "registry"]);
    const address = stdout.trim();
    const answer = await fetch(new URL("semver", address), {
      signal: AbortSignal.timeout(10_000),
      headers: { accept: "application/vnd.npm.install-v1+json" },
    });
    return answer.ok ? address : undefined;
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "ctr-walk-"));
  const context = join(scratch, "node-app");
  cpSync(fileURLToPath(new URL("../node-app", import.meta.url)), context, { recursive: true });
  const engine = openEngine({ root: join(scratch, "state") });
  try {
    const traces = await walk(engine, scratch, context);
    await engine.housekeeping({ network: true });
    proveEmpty(traces);
  } finally {
    for (const record of await engine.containers.list()) await engine.containers.remove(record.id, { force: true });
    await engine.housekeeping({ network: true });
    engine.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function walk(engine: Engine, scratch: string, context: string): Promise<Traces> {
  title("1  Two base images out of this machine's programs");
  await firstContainer(engine, scratch);
  working("Node, npm, tools and their libraries go into an image");
  const base = await engine.images.fromHost({ programs: ["node"], tags: ["node"] });
  say(
    `image ${shortId(base.id)} named node, with Node ${process.versions.node}, npm, a shell and the libraries they need`,
  );

  title("2  The Dockerfile becomes layers");
  working("Asking the npm registry");
  const address = await registry();
  if (address === undefined) {
    say(
      "The npm registry cannot be reached: npm installs the same package from a directory of the base image instead.",
    );
    const manifest = join(context, "package.json");
    const offline = "file:/usr/local/lib/node_modules/npm/node_modules/semver";
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"semver": "[^"]*"/, `"semver": "${offline}"`));
  }
  const args: Record<string, string> = address === undefined ? {} : { NPM_CONFIG_REGISTRY: address };
  await build(engine, context, args);

  title("3  The same again: every step is reused");
  await build(engine, context, args);

  engine.images.tag("node-app", "node-app:1");

  title("4  One source file changed");
  appendFileSync(join(context, "src/page.js"), "// one more line\n");
  await build(engine, context, args);

  engine.images.tag("node-app", "node-app:2");

  title("5  package.json changed: npm installs again, and what follows runs");
  const manifest = join(context, "package.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"version": "1.0.0"', '"version": "1.0.1"'));
  await build(engine, context, args);

  await share(engine, scratch);
  const id = await run(engine, scratch);
  const traces = await look(engine, id);
  await use(engine, id);
  await end(engine, id);
  return traces;
}

/** The article's third topic: equal layers are moved and stored once. */
async function share(engine: Engine, scratch: string): Promise<void> {
  title("6  Nothing moves or is stored twice");
  await using server = await openRegistryServer({ directory: join(scratch, "registry") });
  const names = ["1", "2"].map((tag) => `${server.host}/node-app:${tag}`);
  for (const [index, name] of names.entries()) engine.images.tag(`node-app:${index + 1}`, name);
  say("a registry on this machine gets the image, and then the one with the changed source file:");
  for (const name of names)
    for await (const event of engine.images.push({ reference: name })) showMoved("push", name, event);
  using other = openEngine({ root: join(scratch, "other-state") });
  say("another state directory fetches them:");
  for (const name of names)
    for await (const event of other.images.pull({ reference: name })) showMoved("pull", name, event);
  const { host } = await other.images.reuse();
  say(
    `there they take ${kilobytes(host.disk.stored)} unpacked; two images that share nothing would take ${kilobytes(host.disk.unshared)}`,
  );
}

function showMoved(what: string, name: string, event: { readonly kind: string } & Partial<Moved>): void {
  if (event.kind !== "done") return;
  const moved = event.sentBytes ?? event.fetchedBytes ?? 0;
  const rest = !event.reusedBytes ? "" : `, ${kilobytes(event.reusedBytes)} were there`;
  say(`  ctr ${what} …${name.slice(name.lastIndexOf("/"))}  ${kilobytes(moved).padStart(8)} moved${rest}`);
}

interface Moved {
  readonly sentBytes: number;
  readonly fetchedBytes: number;
  readonly reusedBytes: number;
}

async function run(engine: Engine, scratch: string): Promise<string> {
  title("7  The image runs in the background");
  say(
    "ctr run -d --name app -v …/data:/data:ro -p 127.0.0.1::8080 -e GREETING=hello -m 256m --cpus 0.5 --pids-limit 64 node-app",
  );
  const data = join(scratch, "data");
  mkdirSync(data);
  writeFileSync(join(data, "note.txt"), "a file of the host\n");
  const record = await engine.containers.create({
    image: "node-app",
    name: "app",
    mounts: [{ destination: "/data", type: "bind", source: data, options: ["rbind", "rro"] }],
    ports: parsePortMapping("127.0.0.1::8080"),
    env: ["GREETING=hello"],
    resources: { memory: { limit: 256 << 20 }, cpu: { quota: 50_000, period: 100_000 }, pids: { limit: 64 } },
  });
  const started = await engine.containers.start(record.id);
  started.attachment.close();
  say(`container ${record.id.slice(0, 12)}`);
  return record.id;
}

/** The article's three pillars, read from the kernel. */
async function look(engine: Engine, id: string): Promise<Traces> {
  const record = await engine.containers.get(id);
  const { pid } = record.process!;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const inside = /^NSpid:\s+\d+\s+(\d+)/m.exec(status)?.[1];

  title("8  A process with walls");
  say(`its PID is ${inside} inside and ${pid} outside; namespaces, the container's beside this process's:`);
  const theirs = readNamespaces(pid);
  const ours = readNamespaces();
  for (const [type, inode] of Object.entries(theirs))
    say(
      `  ${type.padEnd(8)} ${inode}  ${ours[type as keyof typeof ours]}  ${inode === ours[type as keyof typeof ours] ? "shared" : "its own"}`,
    );
  say("its limits, as its cgroup has them:");
  for (const [path, meaning] of limits(id))
    say(`  ${path.replace(id, shortId(id).concat("…"))} = ${readFileSync(path, "utf8").trim()}  ${meaning}`);

  title("9  A stack of layers: overlay2/");
  showOverlay(join(engine.root, "overlay2"), id);
  const { Bridge: bridge } = (await engine.containers.inspect(id)).NetworkSettings as { Bridge: string };
  return { id, pid, bridge, network: theirs.network, root: engine.root };
}

function limits(id: string): (readonly [string, string])[] {
  const wanted: readonly (readonly [string, string, string])[] = [
    ["memory", "memory.limit_in_bytes", "bytes"],
    ["cpu", "cpu.cfs_quota_us", "µs in each period"],
    ["cpu", "cpu.cfs_period_us", "µs"],
    ["pids", "pids.max", "processes and threads"],
    ["", "memory.max", "bytes"],
    ["", "cpu.max", "µs, in a period of µs"],
    ["", "pids.max", "processes and threads"],
  ];
  return wanted
    .map(([tree, file, meaning]) => [join("/sys/fs/cgroup", tree, "ctr", id, file), meaning] as const)
    .filter(([path]) => list(join(path, "..")).length > 0);
}

function showOverlay(root: string, id: string): void {
  const lower = readFileSync(join(root, id, "lower"), "utf8").split(":");
  say("l/");
  for (const name of lower) say(`  ${name.slice(2)} → ${shortId(readlinkSync(join(root, name)).slice(3))}…/diff`);
  say(`${shortId(id)}…/    the container's own layer`);
  for (const name of readdirSync(join(root, id)).sort()) {
    if (name === "lower") say(`  lower   ${lower.length} layers below, newest first: ${lower[0]}:…`);
    else if (name === "link") say(`  link    ${readFileSync(join(root, id, name), "utf8")}`);
    else if (name === "merged") say("  merged/ where the container sees them all as one, in its mount namespace alone");
    else
      say(
        `  ${`${name}/`.padEnd(7)} ${name === "diff" ? `what it wrote: ${readdirSync(join(root, id, name)).join(" ") || "nothing yet"}` : "the kernel's"}`,
      );
  }
}

async function use(engine: Engine, id: string): Promise<void> {
  const record = await engine.containers.get(id);
  const port = record.ports![0]!.hostPort;
  title("10  It is used");
  await untilLogged(engine, id, "listening");
  say(`the page at 127.0.0.1, on the published port, is:`);
  for (const line of (await (await fetch(`http://127.0.0.1:${port}/`)).text()).trimEnd().split("\n")) say(`  ${line}`);
  say("ctr exec app sh -c 'cat /data/note.txt; touch /data/x':");
  for (const line of (await exec(engine, id, ["sh", "-c", "cat /data/note.txt; touch /data/x"])).trimEnd().split("\n"))
    say(`  ${line}`);
  say("ctr logs -t app:");
  for await (const entry of engine.containers.logs(id))
    process.stdout.write(`  ${entry.time.slice(11, 23)} ${entry.log}`);
}

async function untilLogged(engine: Engine, id: string, word: string): Promise<void> {
  for await (const entry of engine.containers.logs(id, { follow: true })) if (entry.log.includes(word)) return;
}

async function exec(engine: Engine, id: string, command: readonly string[]): Promise<string> {
  const pipe = makePipe();
  const child = await engine.containers.exec(id, { command, stdio: [0, pipe.write, pipe.write] });
  await child.ended();
  closeSync(pipe.write);
  const output = readFileSync(pipe.read, "utf8");
  closeSync(pipe.read);
  return output;
}

async function end(engine: Engine, id: string): Promise<void> {
  title("11  It is stopped and removed");
  const began = performance.now();
  await engine.containers.stop(id);
  const record = await engine.containers.get(id);
  say(`stopped after ${((performance.now() - began) / 1000).toFixed(2)} s with exit code ${record.exitCode}`);
  await engine.containers.remove(id);
}

function proveEmpty(traces: Traces): void {
  const rows = found(traces);
  for (const [what, isLeft] of rows) say(`  ${what.padEnd(20)} ${isLeft ? "SOMETHING IS LEFT" : "nothing left"}`);
  if (rows.some(([, isLeft]) => isLeft)) process.exitCode = 1;
}

await main();
