// Runs every `*.v2.root.test.ts` in a small virtual machine with pure cgroup v2, emulated by QEMU.
//
//   this machine ── virtiofsd ──▶ the repository, read-only ── overlay in memory ──▶ vitest as root
//
// The kernel comes from this machine or from Debian's cloud package, which is fetched (as QEMU is) only
// if CTR_VM_INSTALL=1 and kept in node_modules/.cache/ctr-vm. Nothing outside the cache is changed.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { initramfs } from "../test/vm/initramfs.mjs";

const repository = dirname(import.meta.dirname);
const cache = join(repository, "node_modules/.cache/ctr-vm");
const node = join(repository, "node_modules/node/bin/node");
const mayInstall = process.env.CTR_VM_INSTALL === "1";
const verbose = process.env.CTR_VM_VERBOSE === "1";
const tenMinutes = 600_000;

// In the order in which they need each other.
const modules = [
  "virtio_ring",
  "virtio",
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_blk",
  "fuse",
  "virtiofs",
  "overlay",
];

class Missing extends Error {}

function firstOf(what, debianPackage, paths) {
  const find = () => paths.find(existsSync);
  if (find() === undefined && mayInstall)
    run("apt-get", ["install", "-y", "-q", "--no-install-recommends", debianPackage]);
  const found = find();
  if (found === undefined)
    throw new Missing(`${what} is missing: apt-get install ${debianPackage}, or CTR_VM_INSTALL=1`);
  return found;
}

const run = (program, args, options = {}) =>
  execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8", ...options });

/** A kernel and its modules: installed, kept from an earlier run, or unpacked from Debian's package. */
function findKernel() {
  for (const root of ["/", ...(existsSync(cache) ? readdirSync(cache).map((it) => join(cache, it)) : [])]) {
    const boot = join(root, "boot");
    for (const file of existsSync(boot) ? readdirSync(boot) : []) {
      const release = /^vmlinuz-(.*)$/.exec(file)?.[1];
      const files = release === undefined ? undefined : modulesIn(join(root, "lib/modules", release, "kernel"));
      if (files !== undefined) return { image: join(boot, file), modules: files };
    }
  }
  if (!mayInstall)
    throw new Missing("a kernel with virtiofs as a module is missing: set CTR_VM_INSTALL=1 to fetch one");
  return fetchKernel();
}

/** The modules' files in loading order, those that are built in left out; undefined without virtiofs. */
function modulesIn(directory) {
  if (!existsSync(directory)) return undefined;
  const files = readdirSync(directory, { recursive: true }).filter((it) => it.endsWith(".ko"));
  const found = modules.map((name) => files.find((it) => basename(it, ".ko").replaceAll("-", "_") === name));
  if (found[modules.indexOf("virtiofs")] === undefined) return undefined;
  return found.filter((it) => it !== undefined).map((it) => join(directory, it));
}

function fetchKernel() {
  const depends = run("apt-cache", ["depends", "linux-image-cloud-amd64"]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined)
    throw new Missing("Debian's package linux-image-cloud-amd64 is not known here: apt-get update");
  const unpacked = join(cache, `${name}.part`);
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  run("apt-get", ["download", "-q", name], { cwd: unpacked });
  const [deb] = readdirSync(unpacked);
  run("dpkg", ["-x", join(unpacked, deb), unpacked]);
  rmSync(join(unpacked, deb));
  renameSync(unpacked, join(cache, name));
  return findKernel();
}

/** What a program is linked with, to be put at the same paths. */
function librariesOf(program) {
  const lines = run("ldd", [program]).split("\n");
  return lines.map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1]).filter((it) => it !== undefined);
}

function writeInitramfs(target, kernel, busybox) {
  const files = new Map([
    ["bin/busybox", busybox],
    ["init", join(repository, "test/vm/init")],
  ]);
  const addons = globSync(["node_modules/{,@*/}*linux*/*.node", "packages/*/**/*.node"], { cwd: repository });
  for (const program of [node, ...addons.map((it) => join(repository, it))])
    for (const library of librariesOf(program)) files.set(library.slice(1), library);
  for (const file of kernel.modules) files.set(`modules/${basename(file)}`, file);
  const texts = new Map([
    ["modules/order", kernel.modules.map((it) => basename(it)).join("\n")],
    ["etc/repository", repository],
    ["etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n"],
    ["etc/hosts", "127.0.0.1 localhost\n"],
  ]);
  const directories = new Set(["proc", "sys", "dev", "tmp"]);
  for (const path of [...files.keys(), ...texts.keys()])
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) directories.add(parent);
  const sorted = [...directories].sort();
  const archive = initramfs([
    ...sorted.map((path) => ({ path, directory: true })),
    ...[...files].map(([path, file]) => ({ path, file })),
    ...[...texts].map(([path, text]) => ({ path, text })),
  ]);
  writeFileSync(target, archive);
}

function prepare(work) {
  if (process.getuid?.() !== 0) throw new Missing("root is missing: virtiofsd needs it to share the repository");
  const qemu = firstOf("QEMU", "qemu-system-x86", ["/usr/bin/qemu-system-x86_64"]);
  const share = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];
  const virtiofsd = firstOf("virtiofsd", "qemu-system-common", share);
  const busybox = firstOf("a static busybox", "busybox-static", ["/bin/busybox"]);
  const initrd = join(work, "initrd");
  const disk = join(work, "disk");
  const kernel = findKernel();
  writeInitramfs(initrd, kernel, busybox);
  writeFileSync(disk, "");
  truncateSync(disk, 64 << 20);
  return { qemu, virtiofsd, kernel: kernel.image, initrd, disk };
}

// KVM is not asked for: it is missing on most machines that are virtual themselves, and emulation boots in seconds.
function qemuArguments({ kernel, initrd, disk }, socket) {
  return [
    ["-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35", "-smp", "2", "-m", "2G"],
    ["-object", "memory-backend-memfd,id=memory,size=2G,share=on", "-numa", "node,memdev=memory"],
    ["-nographic", "-no-reboot", "-nic", "none", "-kernel", kernel, "-initrd", initrd],
    ["-append", "console=ttyS0 panic=-1 loglevel=2 edd=off"],
    ["-drive", `file=${disk},if=none,id=disk,format=raw,cache=unsafe`, "-device", "virtio-blk-pci,drive=disk"],
    ["-chardev", `socket,id=share,path=${socket}`],
    ["-device", "vhost-user-fs-pci,queue-size=1024,chardev=share,tag=repository"],
  ].flat();
}

async function boot(parts, work) {
  const socket = join(work, "share.sock");
  const changes = watch(work);
  const shareOptions = [`--socket-path=${socket}`, "-o", `source=${repository}`, "-o", "cache=always"];
  const share = spawn(parts.virtiofsd, shareOptions, { stdio: ["ignore", "ignore", verbose ? "inherit" : "ignore"] });
  try {
    await Promise.race([listening(socket, changes), failedToStart(share)]);
    const signal = AbortSignal.timeout(tenMinutes);
    const machine = spawn(parts.qemu, qemuArguments(parts, socket), { stdio: ["ignore", "pipe", "inherit"], signal });
    machine.on("error", (error) => console.log(`the test machine was stopped: ${error.message}`));
    return await readConsole(machine);
  } finally {
    changes.close();
    share.kill();
  }
}

async function listening(socket, changes) {
  while (!existsSync(socket)) await once(changes, "change");
}

async function failedToStart(share) {
  const [code] = await once(share, "exit");
  throw new Error(`virtiofsd ended with ${code}`);
}

/** Print what the machine says from its first word on; the counts of its last one. */
async function readConsole(machine) {
  let counts = { passed: 0, failed: 1, skipped: 0 };
  let speaking = false;
  for await (const line of createInterface({ input: machine.stdout })) {
    const text = stripVTControlCharacters(line).replaceAll("\r", "");
    speaking ||= text.includes("=== test machine") || verbose;
    const result = /=== result (\{.*\})$/.exec(text)?.[1];
    if (result !== undefined) counts = JSON.parse(result);
    else if (speaking) console.log(text);
  }
  return counts;
}

const work = mkdtempSync(join(tmpdir(), "ctr-vm-"));
try {
  const { passed, failed, skipped } = await boot(prepare(work), work);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  console.log(`skipped: ${error.message}`);
  console.log("0 passed, 0 failed, 1 skipped");
} finally {
  rmSync(work, { recursive: true, force: true });
}
