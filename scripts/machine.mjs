// What this machine must have before any work starts. Plain JavaScript for Node 20: nothing is installed yet.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";

const oldestKernel = [5, 12]; // mount_setattr(2) and id-mapped mounts
const oldestNode = 20;

/** Everything that the checks look at, read from this machine. */
export function readFacts() {
  const compiler = process.env.CC || "cc";
  return {
    platform: process.platform,
    kernel: release(),
    node: process.versions.node,
    npm: process.env.npm_execpath !== undefined || runs("npm", ["--version"]),
    compiler,
    compiles: runs(compiler, ["-E", "-o", "/dev/null", "-"], "#include <stddef.h>\n#include <linux/mount.h>\n"),
    compilerRuns: runs(compiler, ["--version"]),
    uid: process.getuid?.() ?? -1,
    maxUserNamespaces: sysctl("user/max_user_namespaces"),
    unprivilegedUserNamespaces: sysctl("kernel/unprivileged_userns_clone"),
    apparmorRestriction: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
  };
}

/**
 * One line for everything that is missing, each with its fix; empty when nothing is.
 * @param facts  what `readFacts` returns
 * @param needsContainers  false for tests: those that need a privilege skip with their reason
 */
export function problems(facts, needsContainers) {
  if (facts.platform !== "linux")
    return [`Containers are a feature of Linux; this is ${facts.platform}. Use a Linux machine or a virtual one.`];
  const found = [];
  if (olderThan(facts.kernel, oldestKernel))
    found.push(
      `Linux ${facts.kernel} is too old: mount_setattr(2) came with ${oldestKernel.join(".")}. Boot a newer kernel.`,
    );
  if (Number.parseInt(facts.node, 10) < oldestNode)
    found.push(
      `Node ${facts.node} is too old: install Node ${oldestNode} or newer (nodejs.org, or your package manager).`,
    );
  if (!facts.npm) found.push("npm is missing: install it (Debian, Ubuntu: apt-get install npm).");
  if (!facts.compilerRuns)
    found.push(
      `There is no C compiler (${facts.compiler}): install one (Debian, Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc).`,
    );
  else if (!facts.compiles)
    found.push(
      "The C compiler finds no kernel headers: install them (Debian, Ubuntu: apt-get install libc6-dev; Alpine: apk add musl-dev linux-headers).",
    );
  if (needsContainers && facts.uid !== 0) found.push(whyNotAsUser(facts));
  return found;
}

/** Without root a container needs a user namespace; say first what keeps this user from having one. */
function whyNotAsUser(facts) {
  if (facts.maxUserNamespaces === 0)
    return "User namespaces are switched off (user.max_user_namespaces is 0): sysctl -w user.max_user_namespaces=15000 as root, or run with sudo.";
  if (facts.unprivilegedUserNamespaces === 0)
    return "User namespaces are for root only (kernel.unprivileged_userns_clone is 0): sysctl -w kernel.unprivileged_userns_clone=1 as root, or run with sudo.";
  if (facts.apparmorRestriction === 1)
    return "AppArmor keeps users from making namespaces (kernel.apparmor_restrict_unprivileged_userns is 1): sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 as root, or run with sudo.";
  return "Running containers needs root for now: run the same command with sudo.";
}

function olderThan(release, [major, minor]) {
  const [ourMajor = 0, ourMinor = 0] = release.split(/[.-]/).map(Number);
  return ourMajor < major || (ourMajor === major && ourMinor < minor);
}

/** A number from /proc/sys, or undefined where this kernel does not have it. */
function sysctl(name) {
  try {
    return Number(readFileSync(`/proc/sys/${name}`, "utf8"));
  } catch {
    return undefined;
  }
}

function runs(program, args, input = "") {
  return spawnSync(program, args, { input, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
}
