import { createHash } from "node:crypto";
import { chainIds, type Digest, makeDigest } from "@ctr/oci";
import type { ImageSource, LayerSource } from "../src/index.ts";
import { type Made, makeLayer } from "./layer-on-disk.ts";

const digestOf = (text: string): Digest => makeDigest("sha256", createHash("sha256").update(text).digest("hex"));

/** What a layer is made of: an image of equal beginnings has equal layers. */
export interface Recipe {
  readonly name: string;
  /** Bytes of the blob. */
  readonly size: number;
  readonly files: readonly Made[];
}

const directories = new Map<Digest, string>();

/** An image of layers, oldest first, whose directories are made once for each chain id. */
export function makeImage(name: string, recipes: readonly Recipe[]): ImageSource {
  const diffIds = recipes.map((recipe) => digestOf(`diff ${recipe.name}`));
  const chains = chainIds(diffIds, (text) => createHash("sha256").update(text).digest("hex"));
  const layers = recipes.map((recipe, index): LayerSource => {
    const chainId = chains[index]!;
    const directory = directories.get(chainId) ?? makeLayer(recipe.files);
    directories.set(chainId, directory);
    const blob = { digest: digestOf(`blob ${recipe.name}`), size: recipe.size };
    return { chainId, diffId: diffIds[index]!, blob, directory, createdBy: recipe.name };
  });
  const documents = [{ digest: digestOf(`config ${name}`), size: 10 }];
  return { id: digestOf(`config ${name}`), names: [name], layers, documents };
}
