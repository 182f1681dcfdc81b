import type { LinuxResources } from "@ctr/oci";
import { asksCpuset } from "./cpuset.ts";
import { asksIo } from "./io.ts";
import type { Controller } from "./layout.ts";
import { unifiedController } from "./unified.ts";

/**
 * What a container gets even if nothing was asked of it: `memory`, `cpu`, `cpuacct` and `pids` for the
 * statistics and the limits that `update` may bring, `freezer` to pause it and to end all of its
 * processes at once, `devices` because without rules it could open every disk of the host.
 * Other trees are left out: each one costs a directory, a join and a removal per container.
 */
export const containerControllers: readonly Controller[] = ["pids", "memory", "cpu", "cpuacct", "freezer", "devices"];

type Field = {
  readonly controller: Controller;
  readonly option: string;
  readonly asked: (of: LinuxResources) => boolean;
};

const fields: readonly Field[] = [
  { controller: "memory", option: "memory", asked: (it) => Object.values(it.memory ?? {}).some(isSet) },
  { controller: "cpu", option: "cpu", asked: (it) => asksCpu(it.cpu) },
  { controller: "cpuset", option: "cpu.cpus", asked: (it) => asksCpuset(it.cpu) },
  { controller: "pids", option: "pids", asked: (it) => isSet(it.pids?.limit) },
  { controller: "io", option: "blockIO", asked: (it) => asksIo(it.blockIO) },
  { controller: "hugetlb", option: "hugepageLimits", asked: (it) => (it.hugepageLimits?.length ?? 0) > 0 },
  { controller: "rdma", option: "rdma", asked: (it) => Object.keys(it.rdma ?? {}).length > 0 },
  { controller: "net_cls", option: "network.classID", asked: (it) => isSet(it.network?.classID) },
  { controller: "net_prio", option: "network.priorities", asked: (it) => (it.network?.priorities?.length ?? 0) > 0 },
  { controller: "devices", option: "devices", asked: (it) => it.devices !== undefined },
];

// Zero and false are how documents write "not asked".
const isSet = (value: unknown): boolean => value !== undefined && value !== false && value !== 0 && value !== 0n;

function asksCpu(cpu: LinuxResources["cpu"]): boolean {
  const { cpus: _cpus, mems: _mems, ...time } = cpu ?? {};
  return Object.values(time).some((it) => it !== undefined);
}

/** The controllers that `resources` asks something of, each with the field that does. */
export function controllersAsked(resources: LinuxResources): Map<Controller, string> {
  const asked = new Map<Controller, string>();
  for (const { controller, option, asked: isAsked } of fields)
    if (isAsked(resources)) asked.set(controller, `linux.resources.${option}`);
  for (const file of Object.keys(resources.unified ?? {})) {
    const controller = byUnifiedName.get(unifiedController(file));
    if (controller !== undefined && !asked.has(controller))
      asked.set(controller, `linux.resources.unified[${JSON.stringify(file)}]`);
  }
  return asked;
}

const byUnifiedName: ReadonlyMap<string, Controller> = new Map([
  ["memory", "memory"],
  ["cpu", "cpu"],
  ["cpuset", "cpuset"],
  ["pids", "pids"],
  ["io", "io"],
  ["hugetlb", "hugetlb"],
  ["rdma", "rdma"],
]);
