import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkBudget, type ImageSource, parseBudget, reportReuse } from "@ctr/image-reuse";
import { makeDigest } from "@ctr/oci";

const root = await mkdtemp(join(tmpdir(), "reuse-"));
const layer = async (letter: string, size: number): Promise<ImageSource["layers"][number]> => {
  const [directory, digest] = [join(root, letter), makeDigest("sha256", letter.repeat(64))];
  await mkdir(directory);
  await writeFile(join(directory, letter), letter);
  return { chainId: digest, diffId: digest, blob: { digest, size }, directory };
};
const [base, one, two] = [await layer("a", 9000), await layer("b", 100), await layer("c", 200)];
const image = (name: string, top: typeof base): ImageSource => ({
  id: top.chainId,
  names: [name],
  layers: [base, top],
});

const report = await reportReuse({ images: [image("one", one), image("two", two)] });
for (const { names, blobs } of report.images) console.log(names[0], blobs);
const [broken] = checkBudget(report, report.images[1]!, parseBudget("new-bytes=150B"));
console.log(broken?.rule, broken?.actual, broken?.layer?.chainId.slice(0, 10));
await rm(root, { recursive: true });
// prints: one { total: 9100, shared: 9000, unique: 100 }
// prints: two { total: 9200, shared: 9000, unique: 200 }
// prints: newBytes 200 sha256:ccc
