import { NetlinkError, parseIpv4 } from "@ctr/netlink/steps";
import { NetworkError } from "./network-error.ts";

//   127.0.0.1 : 8080-8090 : 80-90 / tcp
//   host address  host ports  container ports  protocol
//
// Everything but the container's ports may be left out.

export type TransportProtocol = "tcp" | "udp";

/** A wish: which port of the host shall lead to which port of the container. */
export interface PortMapping {
  /** IPv4 address of the host; `0.0.0.0` is every address. */
  readonly hostIp: string;
  /** 1 to 65535; 0 lets the network choose. */
  readonly hostPort: number;
  /** Last port of a range out of which the network chooses one, beginning at `hostPort`. */
  readonly hostPortEnd?: number;
  readonly containerPort: number;
  readonly protocol: TransportProtocol;
}

/** More than two ranges, an address and a protocol need. */
const longest = 64;
/** Of one text. Every port is an entry in a kernel map and a row in the database. */
const mostPorts = 4096;

/**
 * `-p`'s argument. Equal ranges on both sides are paired one by one; a host range for one container port
 * means "any of these".
 * @throws {NetworkError} `ERR_NETWORK_INVALID_PORT`, `ERR_NETWORK_TOO_MANY_PORTS`.
 * @see docker run --help, --publish
 */
export function parsePortMapping(mapping: string): PortMapping[] {
  if (mapping.length > longest) throw invalid(mapping, `longer than ${longest} characters`);
  const slash = mapping.indexOf("/");
  const protocol = slash < 0 ? "tcp" : mapping.slice(slash + 1).toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp") throw invalid(mapping, 'the protocol is "tcp" or "udp"');

  const parts = (slash < 0 ? mapping : mapping.slice(0, slash)).split(":");
  if (mapping.startsWith("[") || parts.length > 3)
    throw invalid(mapping, "at most host address, host port and container port; IPv6 addresses are not published");
  const container = parseRange(mapping, "container", parts.at(-1) ?? "");
  const hostText = parts.at(-2) ?? "";
  const host = hostText === "" ? undefined : parseRange(mapping, "host", hostText);
  const hostIp = parts.length === 3 && parts[0] !== "" ? checkHostIp(mapping, parts[0]!) : "0.0.0.0";
  return pair(mapping, { hostIp, protocol }, host, container);
}

interface Range {
  readonly first: number;
  readonly last: number;
}

const sizeOf = (range: Range): number => range.last - range.first + 1;

function pair(
  mapping: string,
  common: { hostIp: string; protocol: TransportProtocol },
  host: Range | undefined,
  container: Range,
): PortMapping[] {
  if (host && sizeOf(container) === 1 && sizeOf(host) > 1)
    return [{ ...common, hostPort: host.first, hostPortEnd: host.last, containerPort: container.first }];
  if (host && sizeOf(host) !== sizeOf(container))
    throw invalid(mapping, `${sizeOf(host)} host ports for ${sizeOf(container)} container ports`);
  if (sizeOf(container) > mostPorts)
    throw new NetworkError(
      "TOO_MANY_PORTS",
      `publish ${JSON.stringify(mapping)}: more than ${mostPorts} ports at once`,
    );
  return Array.from({ length: sizeOf(container) }, (_, i) => ({
    ...common,
    hostPort: host ? host.first + i : 0,
    containerPort: container.first + i,
  }));
}

function parseRange(mapping: string, side: string, text: string): Range {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (!match) throw invalid(mapping, `the ${side} port is a number or a range, not ${JSON.stringify(text)}`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first < 1 || last > 65_535) throw invalid(mapping, `${side} ports go from 1 to 65535`);
  if (last < first) throw invalid(mapping, `the ${side} range ends before it begins`);
  return { first, last };
}

function checkHostIp(mapping: string, hostIp: string): string {
  try {
    parseIpv4(hostIp);
    return hostIp;
  } catch (error) {
    if (error instanceof NetlinkError) throw invalid(mapping, `${JSON.stringify(hostIp)} is not an IPv4 address`);
    throw error;
  }
}

const invalid = (mapping: string, why: string): NetworkError =>
  new NetworkError("INVALID_PORT", `publish ${JSON.stringify(mapping.slice(0, longest))}: ${why}`, {
    hint: "write [ip:][host port:]container port[/tcp|udp]",
  });
