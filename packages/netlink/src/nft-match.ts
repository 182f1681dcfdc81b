import { netmask, type Prefix } from "./address.ts";
import { u32 } from "./attribute.ts";
import { interfaceName } from "./interface-name.ts";
import type { Expression } from "./nft-expression.ts";

// The conditions that rules are written in, each a few expressions that use register 0 onwards and leave
// nothing there for the next one.

/** Offsets in an IPv4 header. */
const inet4Offsets = { source: 12, destination: 16 } as const;
const nameSize = 16;
const inetFamily = 2;
const inet6Family = 10;
/** RTN_LOCAL of <linux/rtnetlink.h>. */
const localType = 2;
const ctStates = { invalid: 1, established: 2, related: 4, new: 8 } as const;
/** IPS_* of <linux/netfilter/nf_conntrack_common.h>. */
const ctStatuses = { sourceChanged: 1 << 4, destinationChanged: 1 << 5 } as const;

/** The packet came in, or goes out, through the interface with this name; `is: "!="` for any other. */
export function matchInterface(side: "input" | "output", name: string, is: "==" | "!=" = "=="): Expression[] {
  const value = new Uint8Array(nameSize);
  value.set(interfaceName(name));
  return [
    { do: "meta", key: side === "input" ? "inputName" : "outputName", to: 0 },
    { do: "compare", from: 0, is, value },
  ];
}

/** The packet is of this family: in an `inet` table, before anything is read at an offset. */
export function matchFamily(family: "ipv4" | "ipv6"): Expression[] {
  return [
    { do: "meta", key: "family", to: 0 },
    { do: "compare", from: 0, is: "==", value: Uint8Array.of(family === "ipv4" ? inetFamily : inet6Family) },
  ];
}

/** The IPv4 source or destination is in the network. Put `matchFamily("ipv4")` before it. */
export function matchInet4(side: keyof typeof inet4Offsets, network: Prefix): Expression[] {
  const mask = netmask(network.length);
  return [
    { do: "payload", base: "network", offset: inet4Offsets[side], length: 4, to: 0 },
    { do: "bitwise", from: 0, to: 0, mask, xor: new Uint8Array(4) },
    { do: "compare", from: 0, is: "==", value: network.address.map((byte, i) => byte & mask[i]!) },
  ];
}

/** The source or destination is an address of this machine, in the eyes of its routing table. */
export function matchLocal(side: "source" | "destination"): Expression[] {
  return [
    { do: "fib", of: side, to: 0 },
    { do: "compare", from: 0, is: "==", value: u32(localType) },
  ];
}

/** The connection is in one of these states. */
export function matchState(...states: readonly (keyof typeof ctStates)[]): Expression[] {
  return anyBit(
    "state",
    states.reduce((bits, state) => bits | ctStates[state], 0),
  );
}

/** Connection tracking changed the source or the destination of this connection. */
export function matchChanged(side: "source" | "destination"): Expression[] {
  return anyBit("status", side === "source" ? ctStatuses.sourceChanged : ctStatuses.destinationChanged);
}

function anyBit(key: "state" | "status", bits: number): Expression[] {
  return [
    { do: "ct", key, to: 0 },
    { do: "bitwise", from: 0, to: 0, mask: u32(bits), xor: new Uint8Array(4) },
    { do: "compare", from: 0, is: "!=", value: new Uint8Array(4) },
  ];
}
