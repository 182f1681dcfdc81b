import { parsePrefix } from "@ctr/netlink/steps";
import { expect, test } from "vitest";
import { chooseSubnet, macOf, subnetOf, toBytes, toNumber, toText } from "../src/subnet.ts";

const choices = [
  { used: [], is: "10.88.0.0/16", why: "the usual one" },
  { used: ["192.0.2.0/24"], is: "10.88.0.0/16", why: "somebody else's" },
  { used: ["10.88.3.4/32"], is: "10.89.0.0/16", why: "one host in it is enough" },
  { used: ["10.0.0.0/8"], is: "172.16.0.0/16", why: "a company's VPN takes all of 10" },
  { used: ["10.0.0.0/8", "172.16.0.0/12"], is: "192.168.100.0/24", why: "and all of 172.16" },
  { used: ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"], is: "10.88.0.0/16", why: "default routes, whole and in halves" },
  { used: ["fd00::/8"], is: "10.88.0.0/16", why: "IPv6" },
];
for (const { used, is, why } of choices)
  test(`${used.join(" ") || "nothing"} in use: ${why}`, () => {
    expect(chooseSubnet({ used: used.map(parsePrefix) }).text).toBe(is);
  });

test("when everything private is routed, it says so", () => {
  const used = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(parsePrefix);
  expect(() => chooseSubnet({ used })).toThrow(/every private network/);
});

test("other state directories begin elsewhere in the list", () => {
  expect(chooseSubnet({ used: [], start: 3 }).text).toBe("10.91.0.0/16");
});

test("a subnet's addresses, without the network's and the broadcast", () => {
  const subnet = subnetOf("10.1.2.0/29");
  expect([subnet.gateway, subnet.first, subnet.last].map(toText)).toEqual(["10.1.2.1", "10.1.2.2", "10.1.2.6"]);
});

for (const text of ["10.1.2.3/16", "10.0.0.0/30", "10.0.0.0/7", "fd00::/64", "10.0.0.0", "rubbish"])
  test(`${text} is refused`, () => expect(() => subnetOf(text)).toThrow(/subnet/));

test("addresses as numbers and back", () => {
  expect(toNumber(toBytes(0xffff_fffe))).toBe(0xffff_fffe);
  expect(toText(0x0a58_0002)).toBe("10.88.0.2");
  expect([...macOf(0x0a58_0002)]).toEqual([0x02, 0x63, 10, 88, 0, 2]);
});
