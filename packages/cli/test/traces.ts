import { createHash } from "node:crypto";
import { existsSync, type FSWatcher, readdirSync, readFileSync, readlinkSync, watch } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { dumpTables, readTables, sendMessages } from "@ctr/netlink";

/** Tables whose rows are somebody's claim on something. */
const holdings = ["network_lease", "network_port", "image_hold", "image_lease", "image_unfinished"];

/** What the containers of one state directory leave on the machine. Other directories' are not looked at. */
export class Traces {
  readonly #root: string;
  /** Every container that there has been, also one whose record is gone. */
  readonly #ids = new Set<string>();
  #watcher: FSWatcher | undefined;
  #before: ReadonlySet<string> = new Set();

  constructor(root: string) {
    this.#root = root;
  }

  /** From here on: what is there already, such as images, is no trace. */
  begin(): void {
    this.end();
    this.#before = new Set(this.#files());
    this.#watcher = watch(join(this.#root, "containers"), (_event, name) => {
      if (name !== null) this.#ids.add(name);
    });
  }

  end(): void {
    this.#watcher?.close();
  }

  /** All that is left once the monitors have tidied up, a line each. */
  async left(): Promise<string[]> {
    const tidying = new RegExp(`${this.#root}\\0container\\0cleanup\\0`);
    while (pids().some((pid) => linesOf(`/proc/${pid}/cmdline`).some((line) => tidying.test(line))))
      await setImmediate();
    return [
      ...this.#files().filter((path) => !this.#before.has(path)),
      ...this.#records(),
      ...this.#mounts(),
      ...this.#cgroups(),
      ...this.#processes(),
      ...this.#network(),
    ];
  }

  #files(): string[] {
    return ["containers", "overlay2", "overlay2/l", "tmp"].flatMap((name) => {
      const directory = join(this.#root, name);
      return existsSync(directory) ? readdirSync(directory).map((file) => `${name}/${file}`) : [];
    });
  }

  #records(): string[] {
    const database = new DatabaseSync(join(this.#root, "ctr.db"), { readOnly: true });
    try {
      const rows = database.prepare("SELECT id, state FROM engine_container").all();
      const counts = holdings.map((name) => ({ name, count: countOf(database, name) }));
      return [
        ...rows.map(({ id, state }) => `record of ${id}, ${state}`),
        ...counts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} rows of ${name}`),
      ];
    } finally {
      database.close();
    }
  }

  #mounts(): string[] {
    return linesOf("/proc/self/mountinfo").filter((line) => line.includes(this.#root));
  }

  #cgroups(): string[] {
    const trees = readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}/ctr`);
    const found = ["/sys/fs/cgroup/ctr", ...trees].filter((directory) => existsSync(directory));
    return found.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => this.#ids.has(name))
        .map((name) => `${directory}/${name}`),
    );
  }

  /** Processes in one of its cgroups, on one of its file systems, or with one of its files open. */
  #processes(): string[] {
    const isOurs = (text: string): boolean =>
      text.includes(`${this.#root}/`) || this.#ids.has(/\/ctr\/([0-9a-f]{64})/.exec(text)?.[1] ?? "");
    return pids()
      .filter((pid) => !linesOf(`/proc/${pid}/status`).some((line) => line.startsWith("State:\tZ"))) // its parent's to reap
      .filter((pid) =>
        [...linesOf(`/proc/${pid}/cgroup`), ...linesOf(`/proc/${pid}/mountinfo`), ...openFiles(pid)].some(isOurs),
      )
      .map((pid) => `process ${pid}: ${linesOf(`/proc/${pid}/cmdline`).join(" ").replaceAll("\0", " ")}`);
  }

  /** The bridge, what is plugged into it, and the firewall table. */
  #network(): string[] {
    const suffix = createHash("sha256").update(this.#root).digest("hex").slice(0, 8);
    const bridge = `ctr-${suffix}`;
    const interfaces = readdirSync("/sys/class/net").filter((name) => name === bridge || masterOf(name) === bridge);
    const tables = readTables(sendMessages({ protocol: "netfilter", messages: [dumpTables("inet")] }));
    return [
      ...interfaces.map((name) => `interface ${name}`),
      ...tables.filter((table) => table === bridge).map((table) => `nft table ${table}`),
    ];
  }
}

/** All processes but this one. */
function pids(): string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid);
}

function countOf(database: DatabaseSync, table: string): number {
  return Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()!.count);
}

/** None when it is gone meanwhile, as a process may be. */
function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function masterOf(name: string): string | undefined {
  try {
    return readlinkSync(`/sys/class/net/${name}/master`).split("/").at(-1);
  } catch {
    return undefined;
  }
}
