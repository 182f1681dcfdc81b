import { encodeMessages, nftBatch } from "@ctr/netlink/steps";
import { expect, test } from "vitest";
import { elementsPerBatch, type Forward, publishMessages, tableMessages, withdrawMessages } from "../src/rules.ts";
import { subnetOf } from "../src/subnet.ts";

const table = { family: "inet", name: "ctr" } as const;
const forward = (hostPort: number, hostIp = "0.0.0.0"): Forward => ({
  hostIp,
  hostPort,
  containerPort: 80,
  protocol: "tcp",
  to: 0x0a58_0002,
});
const asked = (messages: readonly { asked: string }[]) => messages.map((one) => one.asked);

test("a port for every address and a port for one are in different maps", () => {
  expect(asked(publishMessages(table, [forward(8080), forward(8081, "127.0.0.1")]))).toEqual([
    "add 1 elements of inet ctr published",
    "add 1 elements of inet ctr published_at",
  ]);
  expect(asked(withdrawMessages(table, [forward(8081, "127.0.0.1")]))).toEqual([
    "delete 1 elements of inet ctr published_at",
  ]);
  expect(publishMessages(table, [])).toEqual([]);
});

test("a table that is not there is not deleted: that would wait for a grace period", () => {
  const o = { table, bridge: "ctr0", subnet: subnetOf("10.88.0.0/16"), forwards: [] };
  expect(asked(tableMessages({ ...o, replace: false })[0]!)).not.toContain("delete table inet ctr");
  expect(asked(tableMessages({ ...o, replace: true })[0]!).slice(0, 3)).toEqual([
    "add table inet ctr",
    "delete table inet ctr",
    "add table inet ctr",
  ]);
});

test("every batch fits the send buffer of a socket", () => {
  const forwards = Array.from({ length: elementsPerBatch * 2 + 1 }, (_, i) => forward(i + 1));
  const batches = tableMessages({ table, bridge: "ctr0", subnet: subnetOf("10.88.0.0/16"), forwards, replace: true });
  expect(batches).toHaveLength(3);
  for (const batch of batches) expect(encodeMessages(nftBatch(batch)).length).toBeLessThan(200_000);
});
