import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeDigest, mediaTypes } from "@ctr/oci";
import { openRegistry } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";

const directory = await mkdtemp(`${tmpdir()}/registry-`);
{
  await using server = await openRegistryServer({ directory });
  await using registry = openRegistry({ host: server.host }); // loopback: plain HTTP without a flag
  const bytes = Buffer.from("a layer");
  const digest = makeDigest("sha256", createHash("sha256").update(bytes).digest("hex"));
  const descriptor = { mediaType: mediaTypes.layer, digest, size: bytes.length };
  const source = { open: () => [bytes] };
  console.log((await registry.pushBlob({ repository: "app", descriptor, source })).how);
  console.log((await registry.pushBlob({ repository: "app", descriptor, source })).how);
  console.log((await registry.pushBlob({ repository: "other", descriptor, source, origins: ["app"] })).how);
  for await (const chunk of registry.fetchBlob({ repository: "other", descriptor })) console.log(`${chunk}`);
}
await rm(directory, { recursive: true });
// prints: sent
// prints: present
// prints: mounted
// prints: a layer
