import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { mediaTypes } from "@ctr/oci";
import { openRegistry, readRegistriesFile } from "@ctr/registry";
import { openRegistryServer } from "@ctr/registry/server";

const directory = await mkdtemp(`${tmpdir()}/registry-`);
{
  await using server = await openRegistryServer({ directory: `${directory}/store` });
  const file = `${directory}/registries.json`;
  await writeFile(file, JSON.stringify({ [server.host]: { mirrors: ["http://127.0.0.1:9/hub"] } })); // nobody listens
  const mirrors = (await readRegistriesFile(file)).get(server.host)?.mirrors;
  await using registry = openRegistry({ host: server.host, mirrors });
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }));
  await registry.pushManifest({ repository: "app", reference: "1", mediaType: mediaTypes.index, bytes });
  console.log((await registry.resolve({ repository: "app", reference: "1" })).kind);
}
await rm(directory, { recursive: true });
// prints: index
