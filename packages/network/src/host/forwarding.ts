import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { perform } from "@ctr/kernel";
import type { Step } from "@ctr/plan";
import { NetworkError } from "../network-error.ts";

const file = "/proc/sys/net/ipv4/ip_forward";

/**
 * Let the host route IPv4 packets, which containers need for everything beyond their bridge. Written only
 * when it is off, and left on: whoever else began to rely on it is not known.
 *
 * @param namespace  path of the network namespace that is the host; default: this process's
 * @throws {NetworkError} `ERR_NETWORK_FORWARDING_OFF` when it is off and cannot be set.
 * @see Linux Documentation/networking/ip-sysctl.rst, ip_forward
 */
export function enableForwarding(namespace: string | undefined): void {
  if (namespace === undefined) {
    write();
    return;
  }
  // /proc/sys/net shows the namespace of the thread that opens a file in it. This one goes there and comes
  // back before anything else of this process can run on it.
  const here = openSync("/proc/thread-self/ns/net", "r");
  try {
    perform([join(namespace)]);
    write();
  } finally {
    perform([join(`/proc/self/fd/${here}`)]);
    closeSync(here);
  }
}

function write(): void {
  if (readFileSync(file, "latin1").trim() !== "0") return;
  try {
    writeFileSync(file, "1");
  } catch (error) {
    throw new NetworkError("FORWARDING_OFF", `set net.ipv4.ip_forward: ${(error as Error).message}`, {
      cause: error,
      hint: "containers reach nothing beyond their bridge without it; set it as root, or use --network host or none",
    });
  }
}

const join = (path: string): Step => ({
  do: "joinNamespace",
  type: "network",
  path,
  because: { option: "hostNamespace", why: "the kernel parameters of the host's network" },
});
