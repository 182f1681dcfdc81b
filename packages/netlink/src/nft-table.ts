import { attribute, be32, concat, nested, text } from "./attribute.ts";
import { messageFlags, type NetlinkMessage } from "./message.ts";
import { NetlinkError } from "./netlink-error.ts";
import { type Expression, encodeExpressions } from "./nft-expression.ts";

// Messages about tables, chains and rules. Changes only count inside a batch, and a batch changes all or
// nothing, in one moment for every packet. The body is a struct nfgenmsg, then attributes.

const subsystem = 10; // NFNL_SUBSYS_NFTABLES
/** NFT_MSG_* of <linux/netfilter/nf_tables.h>. */
export const nftTypes = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
} as const;

const batch = { begin: 16, end: 17 } as const;
const tableFamilies = { inet: 1, ip: 2, ip6: 10 } as const;
const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const policies = { drop: 0, accept: 1 } as const;
const longestName = 255; // NFT_NAME_MAXLEN with its NUL

export type TableFamily = keyof typeof tableFamilies;

/** Which table; every message names it. */
export interface Table {
  readonly family: TableFamily;
  readonly name: string;
}

/** Where a chain is hooked into the packet's way. Lower priorities run first: raw -300, dstnat -100, filter 0, srcnat 100. */
export interface Hook {
  readonly type: "filter" | "nat" | "route";
  readonly hook: keyof typeof hooks;
  readonly priority: number;
  readonly policy?: keyof typeof policies;
}

/** A message of the nf_tables subsystem; `family` as `Table` has it. */
export function nftMessage(o: {
  type: keyof typeof nftTypes;
  family: TableFamily;
  flags: number;
  asked: string;
  body: readonly Uint8Array[];
}): NetlinkMessage {
  return {
    type: (subsystem << 8) | nftTypes[o.type],
    flags: o.flags,
    body: concat([nfgenmsg(tableFamilies[o.family], 0), ...o.body]),
    asked: o.asked,
  };
}

/** Put changes into one transaction. When one is refused, none is made. */
export function nftBatch(changes: readonly NetlinkMessage[]): NetlinkMessage[] {
  // No NLM_F_ACK: kernels before 6.10 do not acknowledge these two.
  const mark = (type: number, asked: string): NetlinkMessage => ({
    type,
    flags: 0,
    body: nfgenmsg(0, subsystem),
    asked,
  });
  return [mark(batch.begin, "commit nf_tables changes"), ...changes, mark(batch.end, "commit nf_tables changes")];
}

/** Add a table; it may be there already. */
export function addTable(table: Table): NetlinkMessage {
  return nftMessage({
    type: "newTable",
    family: table.family,
    flags: messageFlags.create | messageFlags.acknowledge,
    asked: `add table ${table.family} ${table.name}`,
    body: [attribute(1, nftName(table.name))],
  });
}

/** Delete a table with all that is in it. The kernel answers ENOENT when there is none. */
export function deleteTable(table: Table): NetlinkMessage {
  return nftMessage({
    type: "deleteTable",
    family: table.family,
    flags: messageFlags.acknowledge,
    asked: `delete table ${table.family} ${table.name}`,
    body: [attribute(1, nftName(table.name))],
  });
}

/** Ask for one table. The kernel answers ENOENT when there is none. */
export function getTable(table: Table): NetlinkMessage {
  return nftMessage({
    type: "getTable",
    family: table.family,
    flags: messageFlags.acknowledge,
    asked: `find table ${table.family} ${table.name}`,
    body: [attribute(1, nftName(table.name))],
  });
}

/** Add a chain; without `hook` it is reached by jumps only. */
export function addChain(table: Table, name: string, hook?: Hook): NetlinkMessage {
  return nftMessage({
    type: "newChain",
    family: table.family,
    flags: messageFlags.create | messageFlags.acknowledge,
    asked: `add chain ${table.family} ${table.name} ${name}`,
    body: [
      attribute(1, nftName(table.name)),
      attribute(3, nftName(name)),
      ...(hook === undefined
        ? []
        : [
            nested(4, attribute(1, be32(hooks[hook.hook])), attribute(2, be32(hook.priority))),
            attribute(5, be32(policies[hook.policy ?? "accept"])),
            attribute(7, text(hook.type)),
          ]),
    ],
  });
}

/** Remove a chain; its rules must be gone, and nothing may jump to it. */
export function deleteChain(table: Table, name: string): NetlinkMessage {
  return nftMessage({
    type: "deleteChain",
    family: table.family,
    flags: messageFlags.acknowledge,
    asked: `delete chain ${table.family} ${table.name} ${name}`,
    body: [attribute(1, nftName(table.name)), attribute(3, nftName(name))],
  });
}

/** Add a rule at the end of a chain. */
export function addRule(table: Table, chain: string, expressions: readonly Expression[]): NetlinkMessage {
  return nftMessage({
    type: "newRule",
    family: table.family,
    flags: messageFlags.create | messageFlags.append | messageFlags.acknowledge,
    asked: `add rule to ${table.family} ${table.name} ${chain}`,
    body: [
      attribute(1, nftName(table.name)),
      attribute(2, nftName(chain)),
      nested(4, ...encodeExpressions(expressions)),
    ],
  });
}

/** Delete the rule with this handle, or, without one, every rule of the chain. */
export function deleteRules(table: Table, chain: string, handle?: bigint): NetlinkMessage {
  return nftMessage({
    type: "deleteRule",
    family: table.family,
    flags: messageFlags.acknowledge,
    asked: `delete ${handle === undefined ? "all rules" : `rule ${handle}`} of ${table.family} ${table.name} ${chain}`,
    body: [
      attribute(1, nftName(table.name)),
      attribute(2, nftName(chain)),
      ...(handle === undefined ? [] : [attribute(3, be64(handle))]),
    ],
  });
}

/**
 * The bytes of a table's, chain's or set's name. Letters, digits, `_`, `-`, `.` and `/` only: what nft(8) can
 * read back.
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_NAME`.
 */
export function nftName(name: string): Uint8Array {
  if (!/^[A-Za-z][A-Za-z0-9_./-]*$/.test(name) || name.length > longestName)
    throw new NetlinkError({
      asked: `name an nf_tables object ${JSON.stringify(name.slice(0, 64))}`,
      fault: "INVALID_NAME",
      explanation: `a letter, then letters, digits, "_", "-", "." or "/", ${longestName} at most`,
    });
  return text(name);
}

function be64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, false);
  return bytes;
}

const nfgenmsg = (family: number, resource: number): Uint8Array =>
  Uint8Array.of(family, 0, resource >> 8, resource & 255);
