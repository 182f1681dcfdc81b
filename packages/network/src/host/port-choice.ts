import { randomInt } from "node:crypto";
import { NetworkError } from "../network-error.ts";
import type { PortMapping } from "../port-mapping.ts";
import type { PublishedPort } from "../rules.ts";

/** The ports that nobody is assigned. @see RFC 6335, 6 */
const dynamic = { first: 49_152, last: 65_535 } as const;

/**
 * The host port of a mapping: the one it names, or the first free one of its range, or any.
 * @param holderOf  who has a port, in words; undefined when it is free
 * @throws {NetworkError} `ERR_NETWORK_PORT_ALLOCATED`.
 */
export function choosePort(mapping: PortMapping, holderOf: (port: PublishedPort) => string | undefined): PublishedPort {
  const { hostIp, containerPort, protocol } = mapping;
  let holder: string | undefined;
  for (const hostPort of tries(mapping)) {
    const port = { hostIp, hostPort, containerPort, protocol };
    holder = holderOf(port);
    if (holder === undefined) return port;
  }
  const wanted = mapping.hostPortEnd === undefined ? mapping.hostPort : `${mapping.hostPort}-${mapping.hostPortEnd}`;
  throw new NetworkError("PORT_ALLOCATED", `Bind for ${hostIp}:${wanted} failed: port is already allocated`, {
    hint: `${holder ?? "every port"} has it (${protocol})`,
  });
}

function* tries(mapping: PortMapping): Generator<number> {
  if (mapping.hostPort !== 0) {
    for (let port = mapping.hostPort; port <= (mapping.hostPortEnd ?? mapping.hostPort); port++) yield port;
    return;
  }
  // From anywhere in the range: a port that was just given back is not given out again at once.
  const size = dynamic.last - dynamic.first + 1;
  const start = randomInt(size);
  for (let i = 0; i < size; i++) yield dynamic.first + ((start + i) % size);
}
