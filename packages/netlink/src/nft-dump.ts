import { attribute, find, readAttributes, readBigEndian, readText } from "./attribute.ts";
import { messageFlags, type NetlinkMessage, type ReceivedMessage } from "./message.ts";
import { nftMessage, nftName, nftTypes, type Table } from "./nft-table.ts";

// What is in a table, as far as telling needs it: names, handles, and the raw keys of sets.

const headerSize = 4; // struct nfgenmsg
const subsystem = 10;

/** A rule without its meaning: the names of its expressions in order. */
export interface ListedRule {
  readonly table: string;
  readonly chain: string;
  /** What `deleteRules` takes. */
  readonly handle: bigint;
  readonly expressions: readonly string[];
}

export interface ListedElement {
  readonly key: Uint8Array;
  /** Undefined in a set. */
  readonly value: Uint8Array | undefined;
}

/** Ask for all tables of a family. */
export function dumpTables(family: Table["family"]): NetlinkMessage {
  return nftMessage({ type: "getTable", family, flags: messageFlags.dump, asked: `list ${family} tables`, body: [] });
}

/** Ask for all rules of a table. */
export function dumpRules(table: Table): NetlinkMessage {
  return nftMessage({
    type: "getRule",
    family: table.family,
    flags: messageFlags.dump,
    asked: `list rules of ${table.family} ${table.name}`,
    body: [attribute(1, nftName(table.name))],
  });
}

/** Ask for all elements of a set or map. */
export function dumpElements(table: Table, set: string): NetlinkMessage {
  return nftMessage({
    type: "getElement",
    family: table.family,
    flags: messageFlags.dump,
    asked: `list elements of ${table.family} ${table.name} ${set}`,
    body: [attribute(1, nftName(table.name)), attribute(2, nftName(set))],
  });
}

/** Names of the tables of an answer. */
export function readTables(messages: readonly ReceivedMessage[]): string[] {
  return bodies(messages, nftTypes.newTable).flatMap((body) => readText(find(readAttributes(body), 1)) ?? []);
}

/**
 * The rules of an answer.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readRules(messages: readonly ReceivedMessage[]): ListedRule[] {
  return bodies(messages, nftTypes.newRule).map((body) => {
    const all = readAttributes(body);
    return {
      table: readText(find(all, 1)) ?? "",
      chain: readText(find(all, 2)) ?? "",
      handle: BigInt(readBigEndian(find(all, 3)) ?? 0),
      expressions: children(find(all, 4)).flatMap((one) => readText(find(children(one.payload), 1)) ?? []),
    };
  });
}

/**
 * The elements of an answer, fields of a joined key padded to four bytes each.
 * @throws {NetlinkError} `ERR_NETLINK_MALFORMED_REPLY`.
 */
export function readElements(messages: readonly ReceivedMessage[]): ListedElement[] {
  return bodies(messages, nftTypes.newElement)
    .flatMap((body) => children(find(readAttributes(body), 3)))
    .map((element) => {
      const all = children(element.payload);
      return {
        key: find(children(find(all, 1)), 1)?.slice() ?? new Uint8Array(),
        value: find(children(find(all, 2)), 1)?.slice(),
      };
    });
}

const children = (payload: Uint8Array | undefined): ReturnType<typeof readAttributes> =>
  readAttributes(payload ?? new Uint8Array());

function bodies(messages: readonly ReceivedMessage[], type: number): Uint8Array[] {
  return messages
    .filter((message) => message.type === ((subsystem << 8) | type))
    .map((message) => message.body.subarray(headerSize));
}
