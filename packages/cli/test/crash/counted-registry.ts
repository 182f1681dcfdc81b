import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { openRegistryServer } from "@ctr/registry/server";

/** A registry on loopback that knows what it has sent. */
export interface CountedRegistry extends AsyncDisposable {
  readonly host: string;
  /** `GET /v2/…` of every request so far. */
  readonly requests: string[];
  /** Bytes of all connections so far, heads included. */
  readonly sentBytes: () => number;
}

export async function countedRegistry(directory: string): Promise<CountedRegistry> {
  const server = await openRegistryServer({ directory });
  const requests: string[] = [];
  let ended = 0;
  const open = new Set<Socket>();
  const front = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    server.handle(request, response);
  });
  front.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => {
      open.delete(socket);
      ended += socket.bytesWritten;
    });
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(front.address() as AddressInfo).port}`,
    requests,
    sentBytes: () => [...open].reduce((sum, socket) => sum + socket.bytesWritten, ended),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => front.close(resolve));
      front.closeAllConnections();
      await closed;
      await server.close();
    },
  };
}
