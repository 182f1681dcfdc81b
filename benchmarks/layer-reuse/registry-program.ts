// A registry in a process of its own, which counts: node registry-program.ts DIRECTORY
//
// Its parent hears {host} once it listens, and {counters} whenever it has sent anything.
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { openRegistryServer } from "@ctr/registry/server";
import type { Counters } from "./registry.ts";

const registry = await openRegistryServer({ directory: process.argv[2]! });
const requests: string[] = [];
const sockets = new Set<Socket>();
const closed = { sent: 0, received: 0 };

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  requests.push(`${request.method} ${request.url}`);
  registry.handle(request, response);
});
server.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => {
    sockets.delete(socket);
    closed.sent += socket.bytesWritten;
    closed.received += socket.bytesRead;
  });
});

process.on("message", () => {
  const counters: Counters = { requests: [...requests], ...closed };
  for (const socket of sockets) {
    counters.sent += socket.bytesWritten;
    counters.received += socket.bytesRead;
  }
  process.send!({ counters });
});
server.listen(0, "127.0.0.1", () => {
  process.send!({ host: `127.0.0.1:${(server.address() as AddressInfo).port}` });
});
