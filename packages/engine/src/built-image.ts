import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { writeImageArchive } from "@ctr/image-archive";
import { thisPlatform } from "@ctr/image-store";
import { extractArchive, extractMembers, type TreeWriter, writeArchive } from "@ctr/layers";
import { type Descriptor, type Digest, formatReference, parseReference } from "@ctr/oci";
import { lowerDirectories, openOverlay } from "@ctr/overlayfs";
import type { Context } from "./context.ts";
import { copyInto } from "./copy-into.ts";
import { Place } from "./copy-place.ts";
import { overlayRoot } from "./create.ts";
import { placeMembers } from "./place-members.ts";

/** What a build made, to take elsewhere. Its documents are there as long as the engine is open. */
export class BuiltImage {
  readonly #context: Context;
  readonly #target: Descriptor;
  readonly #chainId: Digest | undefined;

  /**
   * @param target  A manifest or an index.
   * @param chainId  Of the topmost layer, for its files.
   */
  constructor(context: Context, target: Descriptor, chainId: Digest | undefined) {
    this.#context = context;
    this.#target = target;
    this.#chainId = chainId;
  }

  /**
   * The bytes of an archive that docker, podman and skopeo load: an OCI layout with Docker's manifest.json.
   *
   * @throws {OciError} for a name that is none
   */
  archive(o: { readonly names: readonly string[]; readonly signal?: AbortSignal }): AsyncGenerator<Uint8Array, void> {
    const { store } = this.#context;
    const names = o.names.map((name) => formatReference(parseReference(name)));
    return writeImageArchive({
      images: [{ root: this.#target, names }],
      source: {
        read: async (digest) => (store.findBlob(digest) === undefined ? undefined : store.readBlob(digest)),
        open: (digest, options) => store.readBlobStream(digest, options),
      },
      platform: thisPlatform(),
      signal: o.signal,
    });
  }

  /** Write the layout as a directory. What is there stays, unless it has the same name. */
  async writeLayout(
    directory: string,
    o: { readonly names: readonly string[]; readonly signal?: AbortSignal },
  ): Promise<void> {
    await writeInto(directory, (into) => extractArchive({ archive: this.archive(o), into, signal: o.signal }));
  }

  /** All files of the image as a tar archive. */
  async *files(o: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Uint8Array, void> {
    const fd = this.#openTree();
    if (fd === undefined) return yield* writeArchive(nothing());
    try {
      yield* writeArchive(placeMembers(new Place(fd, ""), { name: undefined, signal: o.signal }));
    } finally {
      closeSync(fd);
    }
  }

  /** Write all files of the image into a directory, as the caller's own. Other files in it stay. */
  async writeFiles(directory: string, o: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const fd = this.#openTree();
    if (fd === undefined) return void mkdirSync(directory, { recursive: true });
    try {
      const members = placeMembers(new Place(fd, ""), { name: undefined, signal: o.signal });
      await writeInto(directory, (into) => extractMembers(members, into));
    } finally {
      closeSync(fd);
    }
  }

  /** The merged layers; undefined for an image without any. The caller closes it. */
  #openTree(): number | undefined {
    const { store } = this.#context;
    if (this.#chainId === undefined) return undefined;
    const lowers = lowerDirectories(overlayRoot(this.#context), store.overlayParents(this.#chainId));
    // An overlay that is only read needs two.
    if (lowers.length === 1) return openSync(lowers[0]!, constants.O_RDONLY | constants.O_DIRECTORY);
    return openOverlay({ lowers });
  }
}

async function* nothing(): AsyncGenerator<never, void> {}

/** Links in what is written lead nowhere outside of `directory`. */
async function writeInto(directory: string, write: (into: TreeWriter) => Promise<unknown>): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const owner = { uid: process.getuid!(), gid: process.getgid!() };
    await copyInto({ directory: fd, owner, withoutDevices: true, option: `--output ${directory}` }, write);
  } finally {
    closeSync(fd);
  }
}
