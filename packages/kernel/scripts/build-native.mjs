// Compiles the native half with nothing but a C compiler: build/ctr_kernel.node and build/ctr-init.
// Plain JavaScript for Node 20: it runs before anything else is there.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const native = join(root, "native");
const build = join(root, "build");
const headers = join(root, "../../node_modules/node-api-headers/include");
const compiler = process.env.CC || "cc";
const warnings = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing"];

const interpreter = readdirSync(native).filter(
  (name) =>
    /^step_.*\.c$/.test(name) || ["walk.c", "message.c", "in_root.c", "remove.c", "overlay_string.c"].includes(name),
);
const addonOnly = [
  ...["addon.c", "addon_plan.c", "addon_channel.c", "addon_calls.c", "addon_background.c"],
  ...["disk_usage.c", "spawn.c", "watch.c"],
];
const initOnly = ["start.S", "init.c", "monitor.c", "attach.c", "log.c", "clock.c"];

const targets = {
  "ctr_kernel.node": [
    ...["-shared", "-fPIC", "-fvisibility=hidden", "-pthread", `-I${headers}`],
    ...[...addonOnly, ...interpreter],
  ],
  // No libc: a process that sets a container up has no state but the kernel's.
  "ctr-init": [
    ...[
      "-ffreestanding",
      "-fno-stack-protector",
      "-fno-tree-loop-distribute-patterns",
      "-fno-asynchronous-unwind-tables",
    ],
    ...["-nostdlib", "-static", "-no-pie", "-s", "-Wl,--build-id=none", "-Wl,-z,noseparate-code"],
    ...[...initOnly, ...interpreter],
  ],
};

const sources = readdirSync(native).sort();
const key = createHash("sha256")
  .update(JSON.stringify([targets, compiler, process.arch]))
  .update(sources.map((name) => name + readFileSync(join(native, name), "utf8")).join("\0"))
  .digest("hex");
const stamp = join(build, "stamp");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== key) {
  mkdirSync(build, { recursive: true });
  for (const [target, args] of Object.entries(targets)) {
    const temporary = join(build, `${target}.${process.pid}`);
    execFileSync(compiler, [...warnings, "-o", temporary, ...args], {
      cwd: native,
      stdio: ["ignore", "inherit", "inherit"],
    });
    renameSync(temporary, join(build, target));
  }
  writeFileSync(stamp, key);
}
