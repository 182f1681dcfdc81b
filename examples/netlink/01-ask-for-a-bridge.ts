import { addBridge, encodeMessages, readReply } from "@ctr/netlink";

const requests = [addBridge({ name: "ctr0" })];
const datagram = encodeMessages(requests);
console.log(`${datagram.length} bytes to ${requests[0]!.asked}`);

// What the kernel sends back when the name is taken: NLMSG_ERROR, -EEXIST, and the request's header.
const error = Buffer.from("24000000020000010100000000000000efffffff", "hex");
const refusal = Buffer.concat([error, datagram.subarray(0, 16)]);
try {
  readReply(requests, refusal);
} catch (refused) {
  console.log(String(refused));
}
// prints: 60 bytes to add bridge "ctr0"
// prints: NetlinkError: add bridge "ctr0": EEXIST
