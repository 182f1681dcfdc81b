import { netlinkRequest } from "@ctr/kernel";
import { encodeMessages, type NetlinkMessage, netlinkProtocols, type ReceivedMessage, readReply } from "../message.ts";

/**
 * Send requests in one datagram and wait for every answer. rtnetlink goes on after a refusal: what follows
 * a refused request may have been done. nf_tables does all of a batch or nothing.
 *
 * @param o.namespace  path of a network namespace (`/proc/7/ns/net`, a pinned file); default: this process's
 * @returns the objects of the answer; for changes, none.
 * @throws {NetlinkError} for the first request that was refused.
 */
export function sendMessages(o: {
  protocol: keyof typeof netlinkProtocols;
  messages: readonly NetlinkMessage[];
  namespace?: string | undefined;
}): ReceivedMessage[] {
  const reply = netlinkRequest({
    protocol: netlinkProtocols[o.protocol],
    messages: encodeMessages(o.messages),
    ...(o.namespace === undefined ? {} : { namespace: o.namespace }),
  });
  return readReply(o.messages, reply);
}
