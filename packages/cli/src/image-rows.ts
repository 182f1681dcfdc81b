import type { ImageSummary } from "@ctr/engine";
import { familiarName, parseReference } from "@ctr/oci";
import { showAgo } from "./duration.ts";
import { showGoTime } from "./go-time.ts";
import { showSize } from "./size.ts";

/** One line of `ctr images`, by the names of Docker's template fields. */
export type ImageRow = {
  readonly Repository: string;
  readonly Tag: string;
  readonly Digest: string;
  readonly ID: string;
  readonly CreatedSince: string;
  readonly CreatedAt: string;
  readonly Size: string;
  readonly VirtualSize: string;
  readonly SharedSize: string;
  readonly UniqueSize: string;
  readonly Containers: string;
};

/** What an image shares with others, bytes on disk. */
export interface Sharing {
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
}

const none = "<none>";

/**
 * The lines of an image: one for each tag, and with digests one for each of them; one alone when it has no name.
 * A repository that only a digest names has a line too.
 */
export function imageRows(
  summary: ImageSummary,
  o: { readonly short: boolean; readonly digests: boolean; readonly sharing: Sharing | undefined },
): ImageRow[] {
  const common = commonFields(summary, o);
  const row = (Repository: string, Tag: string, Digest: string): ImageRow => ({ Repository, Tag, Digest, ...common });
  const rows = [...repositoriesOf(summary)].flatMap(([repository, { tags, digests }]) => {
    const shown = o.digests && digests.length > 0 ? digests : [none];
    return (tags.length > 0 ? tags : [none]).flatMap((tag) => shown.map((digest) => row(repository, tag, digest)));
  });
  return rows.length > 0 ? rows : [row(none, none, none)];
}

function commonFields(
  { id, created, size, containers }: ImageSummary,
  o: { readonly short: boolean; readonly sharing: Sharing | undefined },
): Omit<ImageRow, "Repository" | "Tag" | "Digest"> {
  const isDated = created !== undefined && !Number.isNaN(Date.parse(created));
  return {
    ID: o.short ? id.slice(7, 19) : id,
    CreatedSince: isDated ? showAgo(created) : "N/A",
    CreatedAt: isDated ? showGoTime(created) : "N/A",
    Size: showSize(size),
    VirtualSize: showSize(size),
    SharedSize: o.sharing === undefined ? "N/A" : showSize(o.sharing.sharedBytes),
    UniqueSize: o.sharing === undefined ? "N/A" : showSize(o.sharing.uniqueBytes),
    Containers: String(containers),
  };
}

function repositoriesOf({
  repoTags,
  repoDigests,
}: ImageSummary): ReadonlyMap<string, { readonly tags: string[]; readonly digests: string[] }> {
  const found = new Map<string, { tags: string[]; digests: string[] }>();
  for (const name of [...repoTags, ...repoDigests]) {
    const reference = parseReference(name);
    const repository = familiarName(reference);
    const entry = found.get(repository) ?? { tags: [], digests: [] };
    if (reference.digest !== undefined) entry.digests.push(reference.digest);
    else entry.tags.push(reference.tag ?? none);
    found.set(repository, entry);
  }
  return found;
}
