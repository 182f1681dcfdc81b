import { MemoryBlobs, readImageArchive, writeImageArchive } from "@ctr/image-archive";
import { encodeJson, mediaTypes } from "@ctr/oci";

const here = new MemoryBlobs(); // a store, in real life
const config = await here.write([
  Buffer.from('{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'),
]);
const mediaType = mediaTypes.manifest;
const manifest = { schemaVersion: 2, mediaType, config: { mediaType: mediaTypes.config, ...config }, layers: [] };
const root = { mediaType, ...(await here.write([Buffer.from(encodeJson(manifest))])) };
const archive = writeImageArchive({ images: [{ root, names: ["docker.io/library/empty:1"] }], source: here });

const there = new MemoryBlobs();
for (const image of await readImageArchive({ archive, sink: there }))
  console.log(image.names[0], image.variants[0]?.config === config.digest);
// prints: docker.io/library/empty:1 true
