import type { MemoryResources } from "@ctr/oci";
import { badValue } from "./cgroups-error.ts";
import { integerIn } from "./integer.ts";
import type { Writes } from "./writes.ts";

/** Bytes. Below this nothing of use starts; Docker refuses it in these words. */
export const minimumMemoryLimit: number = 6 * 1024 * 1024;

/**
 * The writes for `linux.resources.memory`. Zero means "not asked", -1 "unlimited".
 *
 * v1 counts memory and swap together (`memsw`), v2 counts swap alone: `swap − limit`. A reservation is
 * v1's soft limit and v2's `memory.low`. The hard limit on v2 is `memory.max`; `memory.high` throttles
 * instead of killing and is reached through `unified` only, as in runc and crun.
 * @throws {CgroupError} `ERR_CGROUPS_VALUE`
 * @see runtime-spec config-linux.md#memory; Linux Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files"
 */
export function memoryWrites(memory: MemoryResources, to: Writes): void {
  const limit = amount(memory.limit, "memory.limit");
  const swap = amount(memory.swap, "memory.swap");
  const reservation = amount(memory.reservation, "memory.reservation");
  checkLimits(limit, swap, reservation);
  if (to.version === 1) limitV1(limit, swap, to);
  else limitV2(limit, swap, to);
  if (reservation !== undefined) {
    const file = to.version === 1 ? "memory.soft_limit_in_bytes" : "memory.low";
    to.write(file, amountText(reservation, to.version), "memory.reservation", "memory is taken from others first");
  }
  otherSettings(memory, to);
}

function amount(value: number | bigint | undefined, option: string): bigint | undefined {
  if (value === undefined) return undefined;
  const bytes = BigInt(integerIn(value, option, -1));
  return bytes === 0n ? undefined : bytes;
}

function checkLimits(limit: bigint | undefined, swap: bigint | undefined, reservation: bigint | undefined): void {
  if (limit !== undefined && limit > 0n && limit < minimumMemoryLimit)
    throw badValue("memory.limit", `Minimum memory limit allowed is 6MB; ${limit} bytes were asked`);
  if (limit !== undefined && limit > 0n && reservation !== undefined && reservation > limit)
    throw badValue("memory.reservation", `Minimum memory limit can not be less than memory reservation limit`);
  if (swap === undefined || swap < 0n) return;
  if (limit === undefined || limit < 0n)
    throw badValue("memory.swap", "You should always set the Memory limit when using Memoryswap limit");
  if (swap < limit)
    throw badValue(
      "memory.swap",
      `Minimum memoryswap limit should be larger than memory limit; it is memory plus swap, ${swap} is less than ${limit}`,
    );
}

const limitWhy = "the kernel ends processes when they need more";
const swapWhy = "so much memory and swap together";

function limitV1(limit: bigint | undefined, asked: bigint | undefined, to: Writes): void {
  // Unlimited memory with limited memory and swap is no request that makes sense: both go.
  const swap = asked ?? (limit === -1n ? -1n : undefined);
  // The kernel keeps limit <= memsw at every moment. Lifting memsw first makes one order right for
  // growing and for shrinking.
  if (swap !== undefined && to.update) to.write("memory.memsw.limit_in_bytes", "-1", "memory.swap", swapWhy);
  if (limit !== undefined) to.write("memory.limit_in_bytes", `${limit}`, "memory.limit", limitWhy);
  // A new cgroup has no memsw limit, and an old one has lost it two lines above.
  if (swap === undefined || swap === -1n) return;
  to.write("memory.memsw.limit_in_bytes", `${swap}`, "memory.swap", swapWhy);
}

function limitV2(limit: bigint | undefined, asked: bigint | undefined, to: Writes): void {
  const swap = asked ?? (limit === -1n ? -1n : undefined);
  if (swap !== undefined && (to.update || swap !== -1n)) {
    const alone = swap === -1n ? swap : swap - (limit ?? 0n);
    to.write("memory.swap.max", amountText(alone, 2), "memory.swap", "so much swap beside the memory limit");
  }
  if (limit !== undefined) to.write("memory.max", amountText(limit, 2), "memory.limit", limitWhy);
}

function amountText(bytes: bigint, version: 1 | 2): string {
  return version === 2 && bytes < 0n ? "max" : `${bytes}`;
}

function otherSettings(memory: MemoryResources, to: Writes): void {
  const { swappiness, disableOOMKiller, kernel, kernelTCP } = memory;
  if (swappiness !== undefined) {
    const text = `${integerIn(swappiness, "memory.swappiness", 0, 100)}`;
    if (to.version === 1) to.write("memory.swappiness", text, "memory.swappiness", "how readily memory is swapped out");
    else to.ignore("memory.swappiness", "cgroup v2 has no swappiness per cgroup");
  }
  if (disableOOMKiller === true) {
    if (to.version === 1)
      to.write("memory.oom_control", "1", "memory.disableOOMKiller", "processes wait instead of being ended");
    else to.ignore("memory.disableOOMKiller", "cgroup v2 always ends a process at the limit");
  }
  if (kernel !== undefined && BigInt(kernel) !== 0n)
    to.ignore(
      "memory.kernel",
      "kernel memory counts towards memory.limit; a limit of its own is gone since Linux 5.16",
    );
  if (kernelTCP !== undefined && BigInt(kernelTCP) !== 0n) {
    const text = `${integerIn(kernelTCP, "memory.kernelTCP", -1)}`;
    if (to.version === 1)
      to.write("memory.kmem.tcp.limit_in_bytes", text, "memory.kernelTCP", "so much for TCP buffers");
    else to.ignore("memory.kernelTCP", "cgroup v2 counts TCP buffers towards memory.limit");
  }
}
