import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A socket whose every connection leads to another one. */
export interface AgentForward {
  close(): Promise<void>;
}

/**
 * Listen at a path and hand everything on to the agent: to it, it is this process that asks, whoever the container's
 * user is, and the socket can have any owner.
 *
 * @throws {Error} when nothing can listen at `at`
 */
export async function forwardAgent(o: { readonly at: string; readonly agent: string }): Promise<AgentForward> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const agent = connect({ path: o.agent, allowHalfOpen: true });
    for (const [from, to] of [
      [client, agent],
      [agent, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy()); // the other side sees its end, as it would without us
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(o.at);
  await once(server, "listening");
  return {
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
