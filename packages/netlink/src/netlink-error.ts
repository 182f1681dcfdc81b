/** What went wrong besides an errno of the kernel. */
export type NetlinkFault = "INVALID_NAME" | "INVALID_ADDRESS" | "INVALID_VALUE" | "TOO_LONG" | "MALFORMED_REPLY";

/**
 * A request that could not be written, or that the kernel refused. Match on `code`, never on `message`:
 * `ERR_NETLINK_EEXIST` and its like for an answer of the kernel, `ERR_NETLINK_INVALID_NAME` and its like
 * for input that was refused before anything was sent.
 */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  readonly code: `ERR_NETLINK_${string}`;
  /** Positive, as in <errno.h>; undefined when the kernel was never asked. */
  readonly errno: number | undefined;
  /** `EEXIST`; undefined when the kernel was never asked. */
  readonly symbol: string | undefined;
  /** What the request was for, in words: `add link "ctr0" (bridge)`. */
  readonly asked: string;
  /** The kernel's own words about the refusal (extended acknowledgement), when it sent some. */
  readonly explanation: string | undefined;
  readonly hint: string | undefined;

  constructor(at: { asked: string; fault: NetlinkFault; explanation: string; hint?: string });
  constructor(at: { asked: string; errno: number; symbol: string; explanation?: string; hint?: string });
  constructor(at: {
    asked: string;
    fault?: NetlinkFault;
    errno?: number;
    symbol?: string;
    explanation?: string;
    hint?: string;
  }) {
    const what = [at.symbol, at.explanation].filter((part) => part !== undefined).join(", ");
    super(`${at.asked}: ${what}${at.hint === undefined ? "" : `; ${at.hint}`}`);
    this.code = `ERR_NETLINK_${at.fault ?? at.symbol}`;
    this.errno = at.errno;
    this.symbol = at.symbol;
    this.asked = at.asked;
    this.explanation = at.explanation;
    this.hint = at.hint;
  }
}
