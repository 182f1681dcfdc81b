import { dumpListening, type ListeningSocket, NetlinkError, readListening, sendMessages } from "@ctr/netlink";
import type { TransportProtocol } from "../port-mapping.ts";

/**
 * The sockets of the host that wait for callers. A published port would take their traffic away without a
 * word, so nobody may publish theirs.
 */
export class ListeningSockets {
  readonly #namespace: string | undefined;
  readonly #known = new Map<TransportProtocol, ListeningSocket[]>();

  constructor(namespace: string | undefined) {
    this.#namespace = namespace;
  }

  /** Whether a socket has this port at this address, or either of them is for every address. */
  has(port: { protocol: TransportProtocol; hostIp: string; hostPort: number }): boolean {
    return this.#of(port.protocol).some(
      (socket) => socket.port === port.hostPort && overlaps(socket.address, port.hostIp),
    );
  }

  #of(protocol: TransportProtocol): ListeningSocket[] {
    const known = this.#known.get(protocol);
    if (known !== undefined) return known;
    const asked = (["inet", "inet6"] as const).flatMap((family) => this.#ask(protocol, family));
    this.#known.set(protocol, asked);
    return asked;
  }

  #ask(protocol: TransportProtocol, family: "inet" | "inet6"): ListeningSocket[] {
    const messages = [dumpListening({ protocol, family })];
    try {
      return readListening(sendMessages({ protocol: "socketDiag", messages, namespace: this.#namespace }));
    } catch (error) {
      // Kernels may come without sock_diag or without IPv6; then there is nothing to be seen.
      if (error instanceof NetlinkError && (error.symbol === "ENOENT" || error.symbol === "EOPNOTSUPP")) return [];
      throw error;
    }
  }
}

function overlaps(socket: Uint8Array, hostIp: string): boolean {
  if (socket.every((byte) => byte === 0)) return true; // [::] takes IPv4 as well, unless it was told not to
  const isMapped = socket.length === 16 && socket.subarray(0, 10).every((byte) => byte === 0) && socket[10] === 0xff;
  if (socket.length === 16 && !isMapped) return false;
  return hostIp === "0.0.0.0" || socket.subarray(-4).join(".") === hostIp;
}
