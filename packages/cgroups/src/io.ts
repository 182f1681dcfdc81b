import type { BlockIoResources, ThrottleDevice } from "@ctr/oci";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/** The generic v2 weight (1 to 10000) for v1's 10 to 1000, on a straight line as runc and crun draw it. */
export function ioWeightOf(weight: number): number {
  return 1 + Math.floor(((Math.max(weight, 10) - 10) * 9999) / 990);
}

const kinds = [
  { field: "throttleReadBpsDevice", key: "rbps", file: "blkio.throttle.read_bps_device" },
  { field: "throttleWriteBpsDevice", key: "wbps", file: "blkio.throttle.write_bps_device" },
  { field: "throttleReadIOPSDevice", key: "riops", file: "blkio.throttle.read_iops_device" },
  { field: "throttleWriteIOPSDevice", key: "wiops", file: "blkio.throttle.write_iops_device" },
] as const;

/**
 * The writes for `linux.resources.blockIO`.
 * @param scheduler  who weighs: `bfq` takes 1 to 1000, the generic files of v2 1 to 10000
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see Linux Documentation/admin-guide/cgroup-v1/blkio-controller.rst; cgroup-v2.rst, "IO Interface Files";
 *   Documentation/block/bfq-iosched.rst
 */
export function ioWrites(io: BlockIoResources, scheduler: "bfq" | "generic", to: Writes): void {
  weightWrites(io, scheduler, to);
  if (to.version === 1) throttleV1(io, to);
  else throttleV2(io, to);
}

/** Whether the io controller is needed at all. */
export function asksIo(io: BlockIoResources | undefined): boolean {
  if (io === undefined) return false;
  const lists = [io.weightDevice, ...kinds.map(({ field }) => io[field])];
  return (io.weight ?? 0) !== 0 || (io.leafWeight ?? 0) !== 0 || lists.some((it) => (it?.length ?? 0) > 0);
}

function weightWrites(io: BlockIoResources, scheduler: "bfq" | "generic", to: Writes): void {
  const prefix = `${to.version === 1 ? "blkio" : "io"}${scheduler === "bfq" ? ".bfq" : ""}`;
  const converted = (weight: number): number =>
    to.version === 2 && scheduler === "generic" ? ioWeightOf(weight) : weight;
  const why = "its part of a disk that others want too";
  if (io.weight !== undefined && io.weight !== 0) {
    const weight = Number(integerIn(io.weight, "blockIO.weight", 10, 1000));
    to.write(`${prefix}.weight`, `${converted(weight)}`, "blockIO.weight", why);
  }
  for (const [index, device] of (io.weightDevice ?? []).entries()) {
    const option = `blockIO.weightDevice[${index}]`;
    if (device.leafWeight !== undefined && device.leafWeight !== 0) ignoreLeafWeight(option, to);
    if (device.weight === undefined || device.weight === 0) continue;
    const weight = Number(integerIn(device.weight, option, 10, 1000));
    const file = to.version === 1 ? `${prefix}.weight_device` : `${prefix}.weight`;
    to.write(file, `${deviceText(device, option)} ${converted(weight)}`, option, why);
  }
  if (io.leafWeight !== undefined && io.leafWeight !== 0) ignoreLeafWeight("blockIO.leafWeight", to);
}

function ignoreLeafWeight(option: string, to: Writes): void {
  to.ignore(option, "leaf weights went with the CFQ scheduler in Linux 5.0");
}

function deviceText(device: { readonly major: number; readonly minor: number }, option: string): string {
  return `${integerIn(device.major, option, 0, 0xfff)}:${integerIn(device.minor, option, 0, 0xfffff)}`;
}

const throttleWhy = "no faster than this on the device";

function throttleV1(io: BlockIoResources, to: Writes): void {
  for (const { field, file } of kinds)
    for (const [index, device] of (io[field] ?? []).entries()) {
      const option = `blockIO.${field}[${index}]`;
      // A rate of zero takes a limit away.
      to.write(file, `${deviceText(device, option)} ${rateOf(device, option)}`, option, throttleWhy);
    }
}

/** One line per device: the kernel takes several keys in one write. */
function throttleV2(io: BlockIoResources, to: Writes): void {
  const lines = new Map<string, { readonly option: string; readonly keys: string[] }>();
  for (const { field, key } of kinds)
    for (const [index, device] of (io[field] ?? []).entries()) {
      const option = `blockIO.${field}[${index}]`;
      const name = deviceText(device, option);
      const line = lines.get(name) ?? { option, keys: [] };
      const rate = rateOf(device, option);
      line.keys.push(`${key}=${rate === "0" ? "max" : rate}`);
      lines.set(name, line);
    }
  for (const [device, { option, keys }] of lines)
    to.write("io.max", `${device} ${keys.join(" ")}`, option, throttleWhy);
}

const rateOf = (device: ThrottleDevice, option: string): string => `${integerIn(device.rate, option, 0)}`;
