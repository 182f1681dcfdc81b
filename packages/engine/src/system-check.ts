import { createHash } from "node:crypto";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Checked, ContainerLayer, Finding, LayerTools } from "@ctr/image-store";
import { perform } from "@ctr/kernel";
import { applyLayer, diffLayer } from "@ctr/layers";
import { type Digest, makeDigest } from "@ctr/oci";
import { compareTrees } from "./compare-trees.ts";
import { containerDirectory } from "./container-files.ts";
import type { Context } from "./context.ts";

export type { Checked, Finding };

export interface CheckRequest {
  /** Names, sizes and links only: no content is read. */
  readonly quick?: boolean;
  /** Also do what can be done about what is found. */
  readonly repair?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Check a whole state directory: blobs against their digests, unpacked layers against their archives, records against
 * files and files against records. Needs room on disk for one unpacked layer.
 *
 * @see {@link ImageStore.check}
 */
export async function* checkSystem(
  context: Context,
  o: CheckRequest = {},
): AsyncGenerator<Finding, Checked, undefined> {
  const checked = yield* context.store.check({ ...o, layers, containers: () => containersOf(context) });
  yield* checkContainerDirectories(context, o);
  return checked;
}

function containersOf(context: Context): readonly ContainerLayer[] {
  return context.table.all().map(({ id, chainId, state }) => ({
    id,
    chainId: state === "creating" || state === "removing" ? undefined : chainId,
    isRunning: state === "running" || state === "starting" || state === "finishing",
  }));
}

const layers: LayerTools = {
  async unpack({ archive, directory, lowers, diffId }) {
    await applyLayer({ archive, directory, lowers, expectedDiffId: diffId });
  },
  compare: compareTrees,
  async diffIdOf(directory): Promise<Digest> {
    const hash = createHash("sha256");
    for await (const chunk of diffLayer({ upper: directory })) hash.update(chunk);
    return makeDigest("sha256", hash.digest("hex"));
  },
};

/** Each container has a directory of its own, and nothing else has. */
function* checkContainerDirectories(context: Context, o: CheckRequest): Generator<Finding, void, undefined> {
  const names = readdirSync(join(context.root, "containers")); // before the records: those are made first
  const records = context.table.all();
  for (const { id, state } of records)
    if (state !== "creating" && state !== "removing" && !names.includes(id) && context.table.get(id) !== undefined) {
      const path = containerDirectory(context.root, id);
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
        yield { about: "container", subject: id, problem: "its directory is missing; remove it" };
    }
  const known = new Set(records.map(({ id }) => id));
  for (const name of names) {
    const path = containerDirectory(context.root, name);
    if (known.has(name) || lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
    const isOurs = /^[0-9a-f]{64}$/.test(name);
    const because = { option: "system check --repair", why: "no container has the directory" };
    if (o.repair && isOurs) perform([{ do: "remove", in: "host", path, because }]);
    yield {
      about: "file",
      subject: `containers/${name}`,
      problem: isOurs ? "the container has no record" : "it is no container; remove it yourself",
      ...(o.repair && isOurs ? { repaired: "removed" } : {}),
    };
  }
}
