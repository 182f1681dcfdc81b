import type { Reason, Step } from "@ctr/plan";
import { addAddress } from "./interface-address.ts";
import { setLinkState } from "./link.ts";
import { encodeMessages, type NetlinkMessage, netlinkProtocols } from "./message.ts";
import { addRoute } from "./route.ts";

/** One step that sends requests in the network namespace of whoever performs it. */
export function netlinkStep(messages: readonly NetlinkMessage[], because: Reason): Step {
  return { do: "sendNetlink", protocol: netlinkProtocols.route, messages: encodeMessages(messages), because };
}

/** Set the loopback interface up; the kernel then gives it 127.0.0.1 and ::1. */
export function loopbackSteps(because: Reason): Step[] {
  return [netlinkStep([setLinkState({ name: "lo", up: true })], because)];
}

/**
 * Give the container's interface its address, set it up, and route everything else through `gateway`.
 * @param o.index  the interface's index, as `addVeth` was told
 * @param o.prefix  `10.88.0.2/16`
 * @throws {NetlinkError} for a bad name or address.
 */
export function interfaceSteps(o: {
  name: string;
  index: number;
  prefix: string;
  gateway: string;
  because: Reason;
}): Step[] {
  const { because } = o;
  return [
    netlinkStep([addAddress(o), setLinkState({ name: o.name, up: true })], {
      ...because,
      why: `${o.name} answers to ${o.prefix}`,
    }),
    netlinkStep([addRoute({ to: "default", via: o.gateway })], {
      ...because,
      why: `everything else goes through ${o.gateway}`,
    }),
  ];
}
