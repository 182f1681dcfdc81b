import type { Namespace } from "@ctr/oci";
import type { Step } from "@ctr/plan";
import { RuntimeError } from "./runtime-error.ts";

const ipcNames = new Set([
  ...["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem"],
  ...["kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"],
]);

/**
 * Steps that set kernel parameters, each of which must belong to a namespace of the container's own: all
 * others are the host's.
 *
 * @throws {RuntimeError} `ERR_RUNTIME_CONFIG`
 * @see CVE-2022-0811, where one value smuggled another parameter in; namespaces(7)
 */
export function sysctlSteps(sysctl: Readonly<Record<string, string>>, namespaces: readonly Namespace[]): Step[] {
  const own = new Set(namespaces.filter((one) => one.path === undefined).map((one) => one.type));
  return Object.entries(sysctl).map(([name, value]) => {
    const refuse = (why: string): never => {
      throw new RuntimeError("ERR_RUNTIME_CONFIG", `sysctl ${JSON.stringify(name)} cannot be set: ${why}`);
    };
    if (!/^[a-z0-9_]+(?:[./][a-zA-Z0-9_:-]+)+$/.test(name)) refuse("it is no name of a kernel parameter");
    if (!/^[\x20-\x7e\t]*$/.test(value)) refuse("its value holds control characters");
    const dotted = name.includes("/") && !name.includes(".") ? name.replaceAll("/", ".") : name;
    const owner =
      ipcNames.has(dotted) || dotted.startsWith("fs.mqueue.")
        ? "ipc"
        : dotted.startsWith("net.")
          ? "network"
          : undefined;
    if (owner === undefined) refuse("it belongs to the whole machine, not to a namespace");
    else if (!own.has(owner)) refuse(`the container shares its ${owner} namespace`);
    return {
      do: "setSysctl",
      name: dotted.replaceAll(".", "/"),
      value,
      because: { option: "linux.sysctl", why: "a kernel parameter of the container's own" },
    };
  });
}
