import { formatAddress, NetlinkError, parseAddress } from "@ctr/netlink/steps";
import { NetworkError, type NetworkFault } from "./network-error.ts";

// What goes into files of the container is one word: no white space, and above all no line break that would
// add a line of the writer's own (as in CVE-2022-4318, there through HOME).

const longestName = 253; // RFC 1035, 2.3.4, in its usual writing
const word = /^[A-Za-z0-9._-]+$/;

/** A host or domain name as hosts(5) and resolv.conf(5) can hold it. */
export function checkName(name: string, fault: NetworkFault, what: string): string {
  if (name.length > longestName || !word.test(name))
    throw new NetworkError(
      fault,
      `${what} ${JSON.stringify(name.slice(0, 80))}: letters, digits, ".", "_" and "-" only, ${longestName} at most`,
    );
  return name;
}

/** An IPv4 or IPv6 address in its usual writing; a scope (`%eth0`) is refused. */
export function checkAddress(address: string, fault: NetworkFault, what: string): string {
  try {
    return formatAddress(parseAddress(address));
  } catch (error) {
    if (error instanceof NetlinkError)
      throw new NetworkError(fault, `${what} ${JSON.stringify(address.slice(0, 80))}: not an IPv4 or IPv6 address`);
    throw error;
  }
}
