import { align, attribute, be32, concat, nested } from "./attribute.ts";
import { messageFlags, type NetlinkMessage } from "./message.ts";
import { NetlinkError } from "./netlink-error.ts";
import { dataValue } from "./nft-expression.ts";
import { nftMessage, nftName, type Table } from "./nft-table.ts";

// A set holds keys; a map holds a value for each. Keys and values may be joined of several fields, each of
// which begins at a register, that is at a multiple of four bytes.

/** The kernel compares bytes only; nft(8) prints them by these numbers (src/datatype.c of nftables). */
const fieldTypes = {
  ipv4: { number: 7, size: 4 },
  ipv6: { number: 8, size: 16 },
  interfaceName: { number: 41, size: 16 },
  transport: { number: 12, size: 1 },
  port: { number: 13, size: 2 },
} as const;
const bitsPerField = 6;
const isMap = 8;
/** Elements of one message: its list has a 16-bit length. */
const elementsPerMessage = 512;

export type FieldType = keyof typeof fieldTypes;

/** A key and, in a map, its value: one Uint8Array for each field. */
export interface Element {
  readonly key: readonly Uint8Array[];
  readonly value?: readonly Uint8Array[];
}

/** Add a set, or with `value` a map. */
export function addSet(
  table: Table,
  o: { name: string; key: readonly FieldType[]; value?: readonly FieldType[]; id: number },
): NetlinkMessage {
  return nftMessage({
    type: "newSet",
    family: table.family,
    flags: messageFlags.create | messageFlags.acknowledge,
    asked: `add ${o.value ? "map" : "set"} ${table.family} ${table.name} ${o.name}`,
    body: [
      attribute(1, nftName(table.name)),
      attribute(2, nftName(o.name)),
      attribute(3, be32(o.value ? isMap : 0)),
      attribute(4, be32(typeOf(o.key))),
      attribute(5, be32(sizeOf(o.key))),
      ...(o.value ? [attribute(6, be32(typeOf(o.value))), attribute(7, be32(sizeOf(o.value)))] : []),
      attribute(10, be32(o.id)),
    ],
  });
}

/** Delete a set that no rule uses. */
export function deleteSet(table: Table, name: string): NetlinkMessage {
  return nftMessage({
    type: "deleteSet",
    family: table.family,
    flags: messageFlags.acknowledge,
    asked: `delete set ${table.family} ${table.name} ${name}`,
    body: [attribute(1, nftName(table.name)), attribute(2, nftName(name))],
  });
}

/** Add elements. The kernel answers EEXIST when a key is there, ENOENT when the set is not. */
export function addElements(table: Table, set: string, elements: readonly Element[]): NetlinkMessage[] {
  return change("newElement", messageFlags.create | messageFlags.exclusive, "add", table, set, elements);
}

/** Delete elements by their keys. The kernel answers ENOENT when one is not there. */
export function deleteElements(table: Table, set: string, elements: readonly Element[]): NetlinkMessage[] {
  return change("deleteElement", 0, "delete", table, set, elements);
}

function change(
  type: "newElement" | "deleteElement",
  flags: number,
  verb: string,
  table: Table,
  set: string,
  elements: readonly Element[],
): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < elements.length; at += elementsPerMessage) {
    const some = elements.slice(at, at + elementsPerMessage);
    messages.push(
      nftMessage({
        type,
        family: table.family,
        flags: flags | messageFlags.acknowledge,
        asked: `${verb} ${some.length} elements of ${table.family} ${table.name} ${set}`,
        body: [attribute(1, nftName(table.name)), attribute(2, nftName(set)), nested(3, ...some.map(encodeElement))],
      }),
    );
  }
  return messages;
}

function encodeElement(element: Element): Uint8Array {
  const value = element.value === undefined ? [] : [dataValue(2, joinFields(element.value))];
  return nested(1, dataValue(1, joinFields(element.key)), ...value);
}

/** The fields one after the other, each padded to whole registers; a single one is not padded. */
function joinFields(fields: readonly Uint8Array[]): Uint8Array {
  const [only] = fields;
  if (fields.length === 1 && only) return only;
  return concat(
    fields.map((field) => {
      const padded = new Uint8Array(align(field.length));
      padded.set(field);
      return padded;
    }),
  );
}

/** Numbers of the fields, six bits each, first one highest: nft's type number of a concatenation. */
const typeOf = (fields: readonly FieldType[]): number =>
  fields.reduce((sum, field) => (sum << bitsPerField) | fieldTypes[field].number, 0);

function sizeOf(fields: readonly FieldType[]): number {
  const [only] = fields;
  if (only === undefined)
    throw new NetlinkError({ asked: "add a set", fault: "INVALID_VALUE", explanation: "a key needs a field" });
  if (fields.length === 1) return fieldTypes[only].size;
  return fields.reduce((sum, field) => sum + align(fieldTypes[field].size), 0);
}
