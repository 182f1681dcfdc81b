import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerDirectories } from "../src/index.ts";

/** The layout without the mounts: what the store needs of `@ctr/overlayfs`, for tests that need no root. */
export const layerDirectories: LayerDirectories = {
  async createLayerDirectory({ overlayRoot, cacheId, parents }) {
    const directory = join(overlayRoot, cacheId);
    const diff = join(directory, "diff");
    const link = shortName(cacheId);
    await mkdir(diff, { recursive: true });
    await writeFile(join(directory, "link"), link);
    if (parents.length > 0)
      await writeFile(join(directory, "lower"), parents.map((id) => `l/${shortName(id)}`).join(":"));
    await mkdir(join(overlayRoot, "l"), { recursive: true });
    await symlink(`../${cacheId}/diff`, join(overlayRoot, "l", link));
    return { directory, diff, link };
  },
  async setParents({ overlayRoot, cacheId, parents }) {
    await writeFile(join(overlayRoot, cacheId, "lower"), parents.map((id) => `l/${shortName(id)}`).join(":"));
  },
  async removeLayerDirectory({ overlayRoot, cacheId }) {
    await rm(join(overlayRoot, cacheId), { recursive: true, force: true });
    await rm(join(overlayRoot, "l", shortName(cacheId)), { force: true });
  },
};

const shortName = (cacheId: string): string => cacheId.slice(0, 26).toUpperCase();
