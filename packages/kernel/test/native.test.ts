import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode, type Step } from "@ctr/plan";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./temporary.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const native = here("../native");
const compiler = process.env.CC ?? "cc";
const warnings = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing"];
const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** The interpreter, as scripts/build-native.mjs lists it. */
const interpreter = readdirSync(native).filter(
  (name) =>
    /^step_.*\.c$/.test(name) || ["walk.c", "message.c", "in_root.c", "remove.c", "overlay_string.c"].includes(name),
);

test("the interpreter compiles with sanitizers, without a warning", () => {
  const directory = temporaryDirectory();
  for (const name of interpreter) {
    const object = join(directory, `${name}.o`);
    execFileSync(compiler, [...warnings, ...sanitizers, "-c", "-o", object, join(native, name)]);
    expect(statSync(object).size).toBeGreaterThan(0);
  }
});

const because = { option: "fuzz", why: "something to mutate" };
const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
const steps: Step[] = [
  { do: "write", path: "/proc/self/oom_score_adj", text: "0", because },
  { do: "barrier", name: "network", because },
  { do: "fork", because },
  {
    do: "mount",
    type: "tmpfs",
    source: "tmpfs",
    options: ["size=64m", "mode=755", ""],
    attributes: ["noSuid"],
    in: "rootfs",
    target: "/dev",
    missing: "fixed",
    because,
  },
  { do: "makeFile", in: "rootfs", path: "/etc/hostname", mode: 0o644, uid: 0, gid: 0, bytes, because },
  { do: "setUser", uid: 1, gid: 2, groups: [3, 4, 5], because },
  { do: "loadSeccomp", program: bytes, flags: 0, because },
  { do: "exec", argv: ["sh", "-c", "true"], env: ["PATH=/bin"], because },
];

test("no mutation of a plan makes the decoder read or write beyond it", () => {
  const directory = temporaryDirectory();
  const program = join(directory, "fuzz_plan");
  const source = [here("native/fuzz_plan.c"), join(native, "walk.c")];
  execFileSync(compiler, [...warnings, ...sanitizers, `-I${native}`, "-o", program, ...source]);
  const plans = [steps, [], ...steps.map((step) => [step])].map((plan, index) => {
    const path = join(directory, `plan-${index}`);
    writeFileSync(path, encode(plan));
    return path;
  });
  // The seed is fixed: a failure today is the same failure tomorrow.
  const told = execFileSync(program, ["400000", "20260729", ...plans], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [, walked, refused] = /^(\d+) walked, (\d+) refused$/.exec(told.trim()) ?? [];
  expect(Number(walked)).toBeGreaterThan(1000);
  expect(Number(refused)).toBeGreaterThan(1000);
});

const init = here("../build/ctr-init");

test("ctr-init is static: no interpreter, no dynamic section, no writable and executable memory", () => {
  const elf = readFileSync(init);
  expect(elf.readUInt32BE(0)).toBe(0x7f454c46);
  expect(elf.readUInt16LE(16)).toBe(2); // ET_EXEC
  const headers = Number(elf.readBigUInt64LE(32));
  const [size, count] = [elf.readUInt16LE(54), elf.readUInt16LE(56)];
  const segments = Array.from({ length: count }, (_, index) => ({
    type: elf.readUInt32LE(headers + index * size),
    flags: elf.readUInt32LE(headers + index * size + 4),
  }));
  const [dynamic, interpreterPath, stack] = [2, 3, 0x6474e551]; // PT_DYNAMIC, PT_INTERP, PT_GNU_STACK
  expect(segments.map(({ type }) => type)).not.toContain(dynamic);
  expect(segments.map(({ type }) => type)).not.toContain(interpreterPath);
  const executable = 1;
  expect(segments.find(({ type }) => type === stack)?.flags).toSatisfy((flags: number) => (flags & executable) === 0);
  for (const { flags } of segments) expect(flags & 3).not.toBe(3);
});

test("ctr-init is small: it is written to memory and executed at every start", () => {
  expect(statSync(init).size).toBeLessThan(64 * 1024);
});
