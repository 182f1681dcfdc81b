import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeDigest, mediaTypes } from "@ctr/oci";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";
import { faultyRegistry } from "@ctr/registry/testing";

const directory = await mkdtemp(`${tmpdir()}/registry-`);
{
  await using server = await openRegistryServer({ directory });
  await using line = await faultyRegistry(server, [{ on: /^GET/, fault: { kind: "cut", afterBytes: 65_536 } }]);
  await using registry = openRegistry({ host: line.host });
  const bytes = Buffer.alloc(200_000, "layer");
  const digest = makeDigest("sha256", createHash("sha256").update(bytes).digest("hex"));
  const blob = { repository: "app", descriptor: { mediaType: mediaTypes.layer, digest, size: bytes.length } };
  await registry.pushBlob({ ...blob, source: { open: (_, start) => [bytes.subarray(start)] } });
  let received = 0;
  for await (const chunk of registry.fetchBlob(blob)) received += chunk.length;
  console.log(`${received} bytes over ${line.requests.filter((it) => it.startsWith("GET")).length} connections`);
}
await rm(directory, { recursive: true });
// prints: 200000 bytes over 4 connections
