export type NetworkFault =
  | "INVALID_PORT"
  | "INVALID_HOST"
  | "INVALID_DNS"
  | "INVALID_SUBNET"
  | "TOO_MANY_PORTS"
  | "PORT_ALLOCATED"
  | "ADDRESS_NOT_HERE"
  | "NO_FREE_ADDRESS"
  | "NO_FREE_SUBNET"
  | "NAME_TAKEN"
  | "NOT_LEASED"
  | "FORWARDING_OFF";

/**
 * Something about a container's network that cannot be. Match on `code`, never on `message`. Refusals of the
 * kernel arrive as `NetlinkError` instead.
 */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: `ERR_NETWORK_${NetworkFault}`;
  readonly hint: string | undefined;

  constructor(fault: NetworkFault, message: string, o: { hint?: string; cause?: unknown } = {}) {
    super(o.hint === undefined ? message : `${message}; ${o.hint}`, o.cause === undefined ? {} : { cause: o.cause });
    this.code = `ERR_NETWORK_${fault}`;
    this.hint = o.hint;
  }
}
