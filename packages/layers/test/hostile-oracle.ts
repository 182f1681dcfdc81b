// What umoci and GNU tar make of the corpus: the first should make the same trees, the second, told to trust its
// archives, should be seen to hit the canary.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Canary, type HostileArchive, hostileArchives, mergeTrees, treeOf } from "../src/testing/index.ts";

const [, , top, oracle] = process.argv as unknown as [string, string, string, "umoci" | "tar"];
const result = { same: 0, differs: [] as string[], refused: [] as string[], hits: [] as string[] };

/** An image of one layer, as an OCI layout. */
function writeImage(directory: string, layer: Uint8Array): void {
  mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
  const blob = (bytes: Uint8Array | string): { digest: string; size: number } => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(directory, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const type = "application/vnd.oci.image.";
  const tar = { mediaType: `${type}layer.v1.tar`, ...blob(layer) };
  const rootfs = { type: "layers", diff_ids: [tar.digest] };
  const config = {
    mediaType: `${type}config.v1+json`,
    ...blob(JSON.stringify({ architecture: "amd64", os: "linux", rootfs })),
  };
  const manifest = blob(JSON.stringify({ schemaVersion: 2, config, layers: [tar] }));
  const annotations = { "org.opencontainers.image.ref.name": "t" };
  const manifests = [{ mediaType: `${type}manifest.v1+json`, ...manifest, annotations }];
  writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

function unpack(place: string, { layers }: HostileArchive): string {
  const tree = join(place, "tree");
  if (oracle === "umoci") {
    writeImage(join(place, "image"), layers[0]!);
    execFileSync("umoci", ["raw", "unpack", "--image", `${join(place, "image")}:t`, tree], { stdio: "ignore" });
  } else {
    mkdirSync(tree);
    spawnSync("tar", ["-C", tree, "-xPf", "-"], { input: layers[0], stdio: ["pipe", "ignore", "ignore"] });
  }
  return tree;
}

let canary: Canary | undefined;
for (const archive of hostileArchives(join(top, "canary"))) {
  if (archive.layers.length > 1 || (oracle === "umoci" && archive.expect === "refused")) continue;
  canary ??= new Canary(join(top, "canary"));
  const place = join(top, "place");
  mkdirSync(place);
  try {
    const tree = treeOf(unpack(place, archive));
    const expected = mergeTrees(archive.expect as never);
    if (isDeepStrictEqual(Object.entries(tree).sort(), Object.entries(expected).sort())) result.same++;
    else result.differs.push(archive.name);
  } catch {
    result.refused.push(archive.name);
  }
  rmSync(place, { recursive: true });
  try {
    canary.check();
  } catch {
    result.hits.push(archive.name);
    rmSync(join(top, "canary"), { recursive: true });
    canary = undefined;
  }
}
console.log(JSON.stringify(result));
