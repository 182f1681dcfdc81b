import { join } from "node:path";
import { thisPlatform } from "@ctr/image-store";
import { normalizePlatform, type Platform } from "@ctr/oci";
import type { Place } from "../builder-error.ts";
import type { BaseImage } from "./base-image.ts";
import type { BuildOptions } from "./build-options.ts";
import { type OpenedContext, openContext } from "./context.ts";
import { ContextOpener } from "./context-opener.ts";
import { DownloadTable } from "./download-table.ts";
import { Downloads } from "./downloads.ts";
import { GitCheckouts } from "./git-checkouts.ts";
import type { ImageLoader } from "./image-loader.ts";
import { NamedContexts } from "./named-contexts.ts";
import { RemoteFiles } from "./remote-files.ts";
import type { Workspace } from "./workspace.ts";

/** All that a build reads: its contexts, and what ADD takes from elsewhere. */
export class BuildSources implements Disposable {
  readonly contexts: NamedContexts;
  readonly remote: RemoteFiles;
  readonly #options: BuildOptions;
  readonly #images: ImageLoader;
  readonly #opener: ContextOpener;
  readonly #open: Disposable[] = [];

  constructor(o: BuildOptions, { workspace, images }: { readonly workspace: Workspace; readonly images: ImageLoader }) {
    const { store, signal, secrets = {}, agents = {} } = o;
    const grants = { secrets, agents };
    const table = new DownloadTable(o.database ?? join(store.root, "ctr.db"));
    const downloads = new Downloads({ store, table, secrets, signal });
    const checkouts = new GitCheckouts(workspace, signal);
    this.#opener = new ContextOpener({ workspace, downloads, checkouts, grants, signal });
    this.#open.push(this.#opener, checkouts, table);
    this.#options = o;
    this.#images = images;
    this.remote = new RemoteFiles({ downloads, checkouts, grants });
    this.contexts = new NamedContexts({
      contexts: o.contexts ?? {},
      store,
      holder: workspace.holder,
      images,
      opener: this.#opener,
      host: normalizePlatform(thisPlatform()),
      signal,
    });
  }

  [Symbol.dispose](): void {
    for (const one of this.#open) one[Symbol.dispose]();
  }

  /** @throws {BuilderError} `ERR_BUILDER_CONTEXT`, `ERR_BUILDER_DOWNLOAD`; {DockerfileError} for a malformed .dockerignore */
  async open(): Promise<OpenedContext> {
    const context = await openContext(this.#options, this.#opener);
    this.#options.onDockerfile?.({ name: context.name, text: context.text });
    return context;
  }

  /** The image that FROM names. @throws {BuilderError} `ERR_BUILDER_IMAGE` */
  async image(name: string, platform: Platform | undefined, place: Place): Promise<BaseImage> {
    const named = await this.contexts.find(name, platform, place);
    return named?.kind === "image" ? named.image : this.#images.load(name, platform, place);
  }
}
