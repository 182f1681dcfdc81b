import { addChain, addRule, addTable, matchInterface, matchState, nftBatch } from "@ctr/netlink";

const table = { family: "inet", name: "guard" } as const;
const changes = nftBatch([
  addTable(table),
  addChain(table, "input", { type: "filter", hook: "input", priority: 0, policy: "drop" }),
  addRule(table, "input", [...matchInterface("input", "lo"), { do: "verdict", verdict: "accept" }]),
  addRule(table, "input", [...matchState("established", "related"), { do: "verdict", verdict: "accept" }]),
]);
// sendMessages({ protocol: "netfilter", messages: changes }) would make all of it at once, or nothing.
for (const { asked } of changes) console.log(asked);
// prints: commit nf_tables changes
// prints: add table inet guard
// prints: add chain inet guard input
// prints: add rule to inet guard input
// prints: add rule to inet guard input
// prints: commit nf_tables changes
