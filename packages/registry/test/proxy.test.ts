import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./images.ts";
import { makeCertificate, missing } from "./real-registry.ts";
import { countRequests } from "./request-log.ts";

const noOpenssl = missing("openssl");
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const hasProxies = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);

test.skipIf(!hasProxies || noOpenssl !== false)("HTTPS goes through a proxy's tunnel, loopback does not", async () => {
  await using directory = await temporaryDirectory();
  const tls = await makeCertificate(directory.path, "server");
  await using server = await openRegistryServer({ directory: `${directory.path}/store`, tls });
  const tunnels: string[] = [];
  const sockets: Socket[] = [];
  const proxy = createServer();
  proxy.on("connect", (request, socket: Socket) => {
    tunnels.push(request.url ?? "");
    const onwards = connect(Number(server.host.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onwards).pipe(socket);
    });
    sockets.push(socket, onwards);
    for (const it of [socket, onwards]) it.on("error", () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    const o = { insecure: true, proxy: { HTTPS_PROXY: address } };
    await using far = openRegistry({ ...o, host: "registry.invalid" });
    await far.ping();
    expect(tunnels).toEqual(["registry.invalid:443"]);
    await using near = openRegistry({ ...o, host: server.host, scheme: "https" });
    await near.ping();
    expect(tunnels).toHaveLength(1);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  }
});

const inClear = [
  { header: "Basic realm=x", why: "the password itself" },
  { header: 'Bearer realm="http://registry.invalid/token"', why: "the password, for a token" },
  { header: 'Bearer realm="https://registry.invalid/token"', why: "the token that the password would buy" },
] as const;
for (const { header, why } of inClear)
  test.skipIf(!hasProxies)(`plain HTTP to another machine does not carry ${why}`, async () => {
    // A proxy stands for the other machine: it gets whole addresses, and every header.
    await using far = await countRequests((_, response) =>
      response.writeHead(401, { "www-authenticate": header }).end(),
    );
    const address = `http://${far.host}`;
    await using registry = openRegistry({
      host: "registry.invalid",
      scheme: "http",
      proxy: { HTTP_PROXY: address, HTTPS_PROXY: address },
      credentials: { username: "ann", password: "secret" },
    });
    await expect(registry.ping()).rejects.toMatchObject({ code: "ERR_REGISTRY_CHALLENGE" });
    expect(far.lines()).toEqual(["GET http://registry.invalid/v2/"]);
    expect(far.authorizations()).toEqual([undefined]);
  });
