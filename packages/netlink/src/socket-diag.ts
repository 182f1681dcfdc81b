import { type AddressBytes, families } from "./address.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";

// Which sockets are open. The question is a struct inet_diag_req_v2, each answer a struct inet_diag_msg.
// @see sock_diag(7)

const byFamily = 20;
const transport = { tcp: 6, udp: 17 } as const;
/** TCP_CLOSE is what an unconnected UDP socket is in. @see <net/tcp_states.h> */
const states = { tcp: 1 << 10, udp: 1 << 7 } as const;
const requestSize = 56;
const smallestAnswer = 24;

/** A socket that waits for callers. */
export interface ListeningSocket {
  readonly port: number;
  /** All zeroes: every address. */
  readonly address: AddressBytes;
}

/** Ask for the sockets of one family that wait for callers (TCP: listen; UDP: bound, not connected). */
export function dumpListening(o: { protocol: "tcp" | "udp"; family: "inet" | "inet6" }): NetlinkMessage {
  const body = new Uint8Array(requestSize);
  const view = new DataView(body.buffer);
  view.setUint8(0, families[o.family]);
  view.setUint8(1, transport[o.protocol]);
  view.setUint32(4, states[o.protocol], true);
  return { type: byFamily, flags: messageFlags.dump, body, asked: `list ${o.protocol} sockets` };
}

/** The sockets of an answer; what is too short to be one is passed over. */
export function readListening(messages: readonly ReceivedMessage[]): ListeningSocket[] {
  return messages
    .filter(({ type, body }) => type === byFamily && body.length >= smallestAnswer)
    .map(({ body }) => ({
      port: body[4]! * 256 + body[5]!,
      address: body.slice(8, 8 + (body[0] === families.inet ? 4 : 16)),
    }));
}
