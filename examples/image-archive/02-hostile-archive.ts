import { isImageArchiveError, MemoryBlobs, readImageArchive } from "@ctr/image-archive";
import { type ArchiveMember, tarEntry, writeArchive } from "@ctr/layers";

const file = (name: string, text: string): ArchiveMember => ({
  entry: tarEntry({ name, type: "file", size: text.length }),
  content: [Buffer.from(text)],
});
const members = [
  file("c.json", '{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'),
  file("manifest.json", '[{"Config":"c.json","RepoTags":["evil"],"Layers":["../../etc/shadow"]}]'),
];
try {
  await readImageArchive({ archive: writeArchive(members), sink: new MemoryBlobs() });
} catch (error) {
  if (isImageArchiveError(error)) console.log(error.code, error.message);
}
// prints: ERR_IMAGE_ARCHIVE_MEMBER the name "../../etc/shadow" is refused: it leaves its place
