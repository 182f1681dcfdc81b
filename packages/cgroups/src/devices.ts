import type { DeviceRule } from "@ctr/oci";
import { badValue, CgroupError } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";

/** What a process may want to do with a device: bits as <linux/bpf.h> has them, BPF_DEVCG_ACC_*. */
const deviceAccess = { mknod: 1, read: 2, write: 4 } as const;

/** One rule with everything said; `undefined` numbers stand for all. */
export interface DeviceException {
  readonly allow: boolean;
  readonly type: "b" | "c";
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Bits of {@link deviceAccess}. */
  readonly access: number;
}

const everything = ["b", "c"] as const;

const device = (major: number, minor: number | undefined, access: string = "rwm"): DeviceRule =>
  minor === undefined ? { allow: true, type: "c", major, access } : { allow: true, type: "c", major, minor, access };

/**
 * What every container may use, after its own rules: making any node (opening it is another matter),
 * and the devices of its /dev. The tun device is not among them; it is one `--device` away.
 * @see runtime-spec config-linux.md#default-devices; Docker's and runc's lists are the same but for tun
 */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  device(1, 3), // null
  device(1, 5), // zero
  device(1, 7), // full
  device(1, 8), // random
  device(1, 9), // urandom
  device(5, 0), // tty
  device(5, 1), // console
  device(5, 2), // ptmx
  device(136, undefined), // pts/*
];

/**
 * Rules with wildcards and defaults filled in, in the same order: of two that speak of the same access
 * to the same device the later one counts. What no rule speaks of is denied.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see runtime-spec config-linux.md#allowed-device-list
 */
export function deviceExceptions(rules: readonly DeviceRule[]): DeviceException[] {
  return rules.flatMap((rule, index) => {
    const option = `devices[${index}]`;
    const { type = "a", allow } = rule;
    if (type !== "a" && type !== "b" && type !== "c")
      throw badValue(option, `the type is a, b or c, not ${String(type)}`);
    const major = numberOf(rule.major, option, 0xfff);
    const minor = numberOf(rule.minor, option, 0xfffff);
    const access = accessOf(rule.access ?? "rwm", option);
    return (type === "a" ? everything : [type]).map((it) => ({ allow, type: it, major, minor, access }));
  });
}

function numberOf(value: number | undefined, option: string, max: number): number | undefined {
  if (value === undefined || value === -1) return undefined;
  return Number(integerIn(value, option, 0, max));
}

function accessOf(text: string, option: string): number {
  if (!/^[rwm]{1,3}$/.test(text))
    throw badValue(option, `the access is some of r, w, m, not ${JSON.stringify(text.slice(0, 20))}`);
  return (
    (text.includes("m") ? deviceAccess.mknod : 0) |
    (text.includes("r") ? deviceAccess.read : 0) |
    (text.includes("w") ? deviceAccess.write : 0)
  );
}

const all = deviceAccess.mknod | deviceAccess.read | deviceAccess.write;

/**
 * The lines for `devices.deny` and `devices.allow` of v1. The controller keeps no order: it denies all
 * but a set of exceptions, or allows all but a set. So the rules are played through here, and only
 * their result is written.
 * @throws {CgroupError} `ERR_CGROUPS_DEVICES` for what it cannot keep: a hole inside a wildcard
 * @see Linux Documentation/admin-guide/cgroup-v1/devices.rst
 */
export function deviceLines(rules: readonly DeviceRule[]): { readonly file: string; readonly text: string }[] {
  const { allowing, exceptions } = playThrough(deviceExceptions(rules));
  const file = allowing ? "devices.deny" : "devices.allow";
  return [
    { file: allowing ? "devices.allow" : "devices.deny", text: "a" },
    ...[...exceptions.values()].map((it) => ({ file, text: lineOf(it) })),
  ];
}

interface Played {
  /** Whether a device without exception may be used. */
  readonly allowing: boolean;
  readonly exceptions: ReadonlyMap<string, DeviceException>;
}

function playThrough(rules: readonly DeviceException[]): Played {
  let allowing = false;
  let exceptions = new Map<string, DeviceException>();
  for (const [index, rule] of rules.entries()) {
    const next = rules[index + 1];
    // Both halves of a rule for everything: nothing that was said before counts any more.
    if (isTotal(rule) && next !== undefined && isTotal(next) && next.allow === rule.allow && next.type !== rule.type) {
      allowing = rule.allow;
      exceptions = new Map();
    } else if (rule.allow === allowing) removeFrom(exceptions, rule);
    else addTo(exceptions, rule);
  }
  return { allowing, exceptions };
}

const isTotal = (it: DeviceException): boolean => it.access === all && it.major === undefined && it.minor === undefined;

const keyOf = (it: DeviceException): string => `${it.type} ${it.major ?? "*"}:${it.minor ?? "*"}`;

function addTo(exceptions: Map<string, DeviceException>, rule: DeviceException): void {
  const before = exceptions.get(keyOf(rule))?.access ?? 0;
  exceptions.set(keyOf(rule), { ...rule, access: before | rule.access });
}

/** Take `rule` out of what the exceptions cover; those within it lose the access, one around it cannot. */
function removeFrom(exceptions: Map<string, DeviceException>, rule: DeviceException): void {
  for (const [key, exception] of exceptions) {
    if (!overlaps(exception, rule) || (exception.access & rule.access) === 0) continue;
    if (!covers(rule, exception))
      throw new CgroupError(
        `the v1 devices controller cannot ${rule.allow ? "allow" : "deny"} ${lineOf(rule)} as an exception from ${lineOf(exception)}`,
        {
          code: "ERR_CGROUPS_DEVICES",
          option: "linux.resources.devices",
          hint: "write narrower rules, or use a machine with cgroup v2",
        },
      );
    const access = exception.access & ~rule.access;
    if (access === 0) exceptions.delete(key);
    else exceptions.set(key, { ...exception, access });
  }
}

const same = (a: number | undefined, b: number | undefined): boolean => a === undefined || b === undefined || a === b;

const overlaps = (a: DeviceException, b: DeviceException): boolean =>
  a.type === b.type && same(a.major, b.major) && same(a.minor, b.minor);

const covers = (wide: DeviceException, narrow: DeviceException): boolean =>
  (wide.major === undefined || wide.major === narrow.major) &&
  (wide.minor === undefined || wide.minor === narrow.minor);

const lineOf = (it: DeviceException): string =>
  `${keyOf(it)} ${it.access & deviceAccess.read ? "r" : ""}${it.access & deviceAccess.write ? "w" : ""}${it.access & deviceAccess.mknod ? "m" : ""}`;
