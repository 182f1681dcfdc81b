import { type AddressBytes, families } from "./address.ts";
import { concat, find, nested, readAttributes, readBigEndian } from "./attribute.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";

// The table of connections, for UDP: it has no end that could be seen, so an entry, with the translation
// that was decided when it began, lives for as long as somebody keeps sending.
// @see <linux/netfilter/nfnetlink_conntrack.h>

const subsystem = 1; // NFNL_SUBSYS_CTNETLINK
const types = { new: 0, get: 1, delete: 2 } as const;
const headerSize = 4; // struct nfgenmsg
const originalTuple = 1; // CTA_TUPLE_ORIG
const udp = 17;

/** A UDP connection over IPv4: where its packets were going before any translation. */
export interface UdpFlow {
  readonly destination: AddressBytes;
  readonly destinationPort: number;
  /** The kernel's own name of the entry, for `deleteFlow`. */
  readonly original: Uint8Array;
}

/** Ask for every IPv4 connection. On a busy host there may be hundreds of thousands. */
export function dumpFlows(): NetlinkMessage {
  return message(types.get, messageFlags.dump, "list connections");
}

/** Forget a connection: the next packet is looked at as a first one. The kernel answers ENOENT when it ended. */
export function deleteFlow(flow: UdpFlow): NetlinkMessage {
  return message(types.delete, messageFlags.acknowledge, "forget a connection", nested(originalTuple, flow.original));
}

/**
 * The UDP connections of an answer; all others are passed over.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readUdpFlows(messages: readonly ReceivedMessage[]): UdpFlow[] {
  return messages
    .filter(({ type, body }) => type === ((subsystem << 8) | types.new) && body[0] === families.inet)
    .flatMap(({ body }) => {
      const all = readAttributes(body.subarray(headerSize));
      const original = find(all, originalTuple);
      const there = readTuple(original);
      if (original === undefined || there?.protocol !== udp) return [];
      return {
        destination: there.destination,
        destinationPort: there.port,
        original: original.slice(),
      };
    });
}

interface Tuple {
  readonly destination: AddressBytes;
  readonly protocol: number;
  readonly port: number;
}

/** CTA_TUPLE_IP and CTA_TUPLE_PROTO; undefined when something is missing. */
function readTuple(payload: Uint8Array | undefined): Tuple | undefined {
  const none = new Uint8Array();
  const all = readAttributes(payload ?? none);
  const ip = readAttributes(find(all, 1) ?? none);
  const transport = readAttributes(find(all, 2) ?? none);
  const destination = find(ip, 2)?.slice();
  const [protocol, port] = [readBigEndian(find(transport, 1)), readBigEndian(find(transport, 3))];
  if (destination?.length !== 4 || protocol === undefined || port === undefined) return undefined;
  return { destination, protocol, port };
}

const message = (type: number, flags: number, asked: string, ...body: Uint8Array[]): NetlinkMessage => ({
  type: (subsystem << 8) | type,
  flags,
  body: concat([Uint8Array.of(families.inet, 0, 0, 0), ...body]),
  asked,
});
