import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Attribute,
  attribute,
  decodeMessages,
  encodeMessages,
  NetlinkError,
  readAddresses,
  readAttributes,
  readElements,
  readLinks,
  readListening,
  readReply,
  readRoutes,
  readRules,
  readTables,
  readUdpFlows,
} from "../src/steps.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const request = { type: 16, flags: 5, body: new Uint8Array(16), asked: 'add bridge "ctr0"' };

test("attributes come back as they were written", () => {
  const one = fc.record({ type: fc.nat(0x3fff), payload: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(one), (all) => {
      const written = Buffer.concat(all.map(({ type, payload }) => attribute(type, payload)));
      expect(readAttributes(written).map(plain)).toEqual(all.map(plain));
    }),
  );
});
const plain = ({ type, payload }: Attribute) => ({ type, payload: [...payload] });

test("messages come back as they were written, numbered from 1", () => {
  const one = fc.record({ type: fc.nat(0xffff), flags: fc.nat(0xffff), body: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(one), (all) => {
      const read = decodeMessages(encodeMessages(all.map((message) => ({ ...message, asked: "" }))));
      expect(read.map((message) => [message.type, message.sequence, [...message.body]])).toEqual(
        all.map((message, i) => [message.type, i + 1, [...message.body]]),
      );
    }),
  );
});

describe("answers", () => {
  const header = "10000000 1000 0500 01000000 00000000"; // of the request that a refusal repeats
  const rows = [
    { reply: `24000000 0200 0001 01000000 00000000 00000000 ${header}`, says: undefined, why: "an acknowledgement" },
    {
      reply: `24000000 0200 0001 01000000 00000000 efffffff ${header}`,
      says: /^add bridge "ctr0": EEXIST$/,
      why: "refused",
    },
    {
      reply: `30000000 0200 0003 01000000 00000000 eaffffff ${header} 0c00 0100 6e6f206c75636b00`,
      says: /^add bridge "ctr0": EINVAL, no luck$/,
      why: "refused with the kernel's own words",
    },
    {
      reply: `24000000 0200 0001 01000000 00000000 ffffffff ${header}`,
      says: /EPERM; needs CAP_NET_ADMIN/,
      why: "a hint",
    },
    {
      reply: `24000000 0200 0001 07000000 00000000 eaffffff ${header}`,
      says: /^netlink request: EINVAL$/,
      why: "about nothing that was asked",
    },
    { reply: "14000000 0300 0200 01000000 00000000 00000000", says: undefined, why: "the end of a list" },
    { reply: "14000000 0300 0200 01000000 00000000 fcffffff", says: /EINTR/, why: "a list that broke off" },
    { reply: "12000000 0200 0000 01000000 00000000 0000", says: /without an errno/, why: "an error cut short" },
    {
      reply: "14000000 0200 0002 01000000 00000000 eaffffff",
      says: /without the request/,
      why: "attributes after nothing",
    },
    {
      reply: `24000000 0200 0002 01000000 00000000 eaffffff ff${header.slice(2)}`,
      says: /cut off/,
      why: "a request longer than the answer",
    },
    {
      reply: "ff000000 0200 0000 01000000 00000000",
      says: /says 255 bytes, 16 are there/,
      why: "a length past the end",
    },
    { reply: "00000000 0200 0000 01000000 00000000", says: /says 0 bytes/, why: "a length that would loop for ever" },
    { reply: "10000000", says: /4 are there/, why: "half a header" },
  ];
  for (const { reply, says, why } of rows)
    test(why, () => {
      const read = () => readReply([request], bytes(reply));
      if (says === undefined) expect(read()).toEqual([]);
      else expect(read).toThrow(says);
    });

  test("the fields of a refusal", () => {
    const reply = bytes(`24000000 0200 0001 01000000 00000000 efffffff ${header}`);
    expect(() => readReply([request], reply)).toThrow(
      expect.objectContaining({ code: "ERR_NETLINK_EEXIST", errno: 17, symbol: "EEXIST", asked: request.asked }),
    );
  });
});

const hostile = [
  { hex: "0300 0100", why: "shorter than its header" },
  { hex: "0800 0100", why: "longer than what is there" },
  { hex: "0500 0100 ff000000 ffff 0200", why: "the second one lies" },
];
for (const { hex, why } of hostile)
  test(`attributes: ${why}`, () => expect(() => readAttributes(bytes(hex))).toThrow(NetlinkError));

test("an attribute that does not fit its length field is refused", () => {
  expect(() => attribute(1, new Uint8Array(65_532))).toThrow(/at most 65531 fit; send it in several/);
});

test("readers of random bytes throw nothing but NetlinkError", () => {
  const readers = [
    readLinks,
    readAddresses,
    readRoutes,
    readTables,
    readRules,
    readElements,
    readListening,
    readUdpFlows,
  ];
  const types = [16, 20, 24, 0x0a00, 0x0a06, 0x0a0c, 0x0100];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...types), (body, type) => {
      // A body that begins as an address does gets further than the family check.
      for (const start of [
        body,
        Uint8Array.of(2, 24, ...body),
        Uint8Array.of(1, 0, 0, 0, ...body),
        Uint8Array.of(2, 0, 0, 0, ...body),
      ])
        for (const read of readers)
          try {
            read([{ type, flags: 0, sequence: 1, body: start }]);
          } catch (error) {
            expect(error).toBeInstanceOf(NetlinkError);
          }
      try {
        readReply([], body);
      } catch (error) {
        expect(error).toBeInstanceOf(NetlinkError);
      }
    }),
  );
});
