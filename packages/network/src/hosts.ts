import { checkAddress, checkName } from "./name-check.ts";
import { NetworkError } from "./network-error.ts";

const common = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/**
 * The container's /etc/hosts.
 *
 * @param o.ip  the container's address; none without a network of its own
 * @param o.extra  `--add-host` arguments, `name:address` or `name=address`; the address `host-gateway` stands
 *   for `gateway`
 * @throws {NetworkError} `ERR_NETWORK_INVALID_HOST` for a name or address that is not one.
 * @see hosts(5)
 */
export function hosts(o: { hostname: string; ip?: string; gateway?: string; extra?: readonly string[] }): string {
  const hostname = checkName(o.hostname, "INVALID_HOST", "hostname");
  const own = o.ip === undefined ? [] : [`${checkAddress(o.ip, "INVALID_HOST", "address")}\t${hostname}`];
  return [...common, ...(o.extra ?? []).map((one) => extraLine(one, o.gateway)), ...own, ""].join("\n");
}

function extraLine(extra: string, gateway: string | undefined): string {
  const cut = extra.search(/[:=]/);
  if (cut < 0)
    throw new NetworkError("INVALID_HOST", `extra host ${JSON.stringify(extra.slice(0, 80))}: write name:address`);
  const name = checkName(extra.slice(0, cut), "INVALID_HOST", "extra host");
  const address = extra.slice(cut + 1);
  if (address !== "host-gateway") {
    // Docker takes IPv6 in brackets, too.
    const bare = address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
    return `${checkAddress(bare, "INVALID_HOST", "address of extra host")}\t${name}`;
  }
  if (gateway === undefined)
    throw new NetworkError(
      "INVALID_HOST",
      `extra host ${name}: this network has no gateway that "host-gateway" could be`,
    );
  return `${checkAddress(gateway, "INVALID_HOST", "gateway")}\t${name}`;
}
