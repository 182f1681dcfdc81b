import {
  deleteFlow,
  dumpAddresses,
  dumpFlows,
  formatAddress,
  NetlinkError,
  readAddresses,
  readUdpFlows,
  sendMessages,
  type UdpFlow,
} from "@ctr/netlink";
import type { Forward } from "../rules.ts";

/**
 * Forget the UDP connections to the host's side of these ports, which are being opened or closed. A client that
 * keeps sending would otherwise stay with what was decided at its first packet: the host's closed port, or
 * the address of a container that is gone, and somebody else's later.
 *
 * @param namespace  path of the network namespace that is the host; default: this process's
 */
export function forgetUdpFlows(forwards: readonly Forward[], namespace: string | undefined): void {
  const ports = new Set(forwards.filter((one) => one.protocol === "udp").map((one) => one.hostPort));
  if (ports.size === 0) return;
  const own = new Set(
    readAddresses(sendMessages({ protocol: "route", messages: [dumpAddresses()], namespace })).map((one) =>
      formatAddress(one.address),
    ),
  );
  const isStale = (flow: UdpFlow): boolean =>
    ports.has(flow.destinationPort) && own.has(formatAddress(flow.destination));

  const flows = readUdpFlows(sendMessages({ protocol: "netfilter", messages: [dumpFlows()], namespace }));
  for (const flow of flows.filter(isStale)) forget(flow, namespace);
}

function forget(flow: UdpFlow, namespace: string | undefined): void {
  try {
    sendMessages({ protocol: "netfilter", messages: [deleteFlow(flow)], namespace });
  } catch (error) {
    if (!(error instanceof NetlinkError && error.symbol === "ENOENT")) throw error;
  }
}
