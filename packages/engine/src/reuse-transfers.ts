import type { ImageVariant, StoredImage } from "@ctr/image-store";
import { type Digest, familiarReference, parseReference } from "@ctr/oci";
import type { PullEvent } from "@ctr/registry";
import type { BuiltVariant, EngineBuildEvent } from "./build.ts";
import type { Context } from "./context.ts";
import type { EnginePushEvent } from "./push.ts";
import { imageSource } from "./reuse-images.ts";

/** What one pull, push, build or load moved, and what it found where it was to go. */
export interface Transfer {
  readonly kind: "pull" | "push" | "build" | "load";
  /** As it was asked for. */
  readonly reference: string;
  /** Digest of the image config. */
  readonly image: Digest;
  /** RFC 3339. */
  readonly at: string;
  /** Bytes of blobs and documents that came, went out or were made. */
  readonly movedBytes: number;
  /** Bytes of those that were there already. */
  readonly reusedBytes: number;
  readonly blobs: readonly { readonly digest: Digest; readonly size: number; readonly moved: boolean }[];
}

const kept = 100;

/**
 * A transfer is done when it is noted: a full disk, or somebody who has removed the image meanwhile, must
 * not undo it.
 */
async function tryToNote(note: () => void | Promise<void>): Promise<void> {
  try {
    await note();
  } catch {
    // Then nobody will know what it moved.
  }
}

/** Keep the numbers of a transfer that is done. Older ones than the last 100 are forgotten. */
function noteTransfer({ database }: Context, transfer: Omit<Transfer, "at">): void {
  const record: Transfer = { ...transfer, at: new Date().toISOString() };
  database.exec(
    `CREATE TABLE IF NOT EXISTS engine_transfer (
       id INTEGER PRIMARY KEY AUTOINCREMENT, image TEXT NOT NULL, record TEXT NOT NULL)`,
  );
  const insert = database.prepare("INSERT INTO engine_transfer (image, record) VALUES (?, ?)");
  insert.run(record.image, JSON.stringify(record));
  database.prepare("DELETE FROM engine_transfer WHERE id <= (SELECT max(id) FROM engine_transfer) - ?").run(kept);
}

/** What is remembered, newest first. */
export function listTransfers({ database }: Context): readonly Transfer[] {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'engine_transfer'").get();
  if (table === undefined) return [];
  return database
    .prepare("SELECT record FROM engine_transfer ORDER BY id DESC")
    .all()
    .map((row) => JSON.parse(row.record as string) as Transfer);
}

/** The events of a pull, and a note of what it moved before the last of them. */
export async function* notePull(
  context: Context,
  reference: string,
  events: AsyncIterable<PullEvent>,
): AsyncGenerator<PullEvent, void, undefined> {
  const blobs: { digest: Digest; size: number; moved: boolean }[] = [];
  for await (const event of events) {
    if (event.kind === "present" || event.kind === "stored") {
      const { digest, size } = event.descriptor;
      blobs.push({ digest, size, moved: event.kind === "stored" });
    }
    if (event.kind === "done") {
      const { fetchedBytes: movedBytes, reusedBytes, manifest } = event;
      const image = manifest.config.digest;
      await tryToNote(() => {
        // A pull that finds the image unchanged writes nothing: it is over in a millisecond less.
        if (movedBytes > 0 || !listTransfers(context).some((known) => known.image === image))
          noteTransfer(context, { kind: "pull", reference, image, movedBytes, reusedBytes, blobs });
      });
    }
    yield event;
  }
}

/** The events of a push, and a note of what it moved before the last of them. */
export async function* notePush(
  context: Context,
  reference: string,
  events: AsyncIterable<EnginePushEvent>,
): AsyncGenerator<EnginePushEvent, void, undefined> {
  const sent = new Set<Digest>();
  for await (const event of events) {
    if (event.kind === "sent") sent.add(event.descriptor.digest);
    if (event.kind === "done") await tryToNote(() => notePushed(context, reference, event.root.digest, sent));
    yield event;
  }
}

function notePushed(context: Context, reference: string, root: Digest, sent: ReadonlySet<Digest>): Promise<void> {
  const image = context.store.find(reference);
  const variants = image.variants.filter(({ manifest }) => image.target.digest === root || manifest.digest === root);
  return noteMoved(context, { kind: "push", reference, image, variants, isMoved: (digest) => sent.has(digest) });
}

/** The events of a build, and a note of which layers it had to make before the last of them. */
export async function* noteBuild(
  context: Context,
  events: AsyncIterable<EngineBuildEvent>,
): AsyncGenerator<EngineBuildEvent, void, undefined> {
  const made = new Set<Digest>();
  for await (const event of events) {
    if (event.type === "stepFinished" && event.outcome.decision === "ran" && event.layer !== undefined)
      made.add(event.layer.diffId);
    if (event.type === "imageFinished") await tryToNote(() => noteMade(context, event, made));
    yield event;
  }
}

async function noteMade(
  context: Context,
  { id, names: [name] }: BuiltVariant,
  made: ReadonlySet<Digest>,
): Promise<void> {
  const { image, variant } = context.store.resolve(id);
  const { layers } = await imageSource(context, image, variant);
  const old = new Set(layers.filter(({ diffId }) => !made.has(diffId)).map(({ blob }) => blob.digest));
  const reference = name === undefined ? id : familiarReference(parseReference(name));
  const isMoved = (digest: Digest): boolean => made.size > 0 && !old.has(digest);
  await noteMoved(context, { kind: "build", reference, image, variants: [variant], isMoved });
}

interface MovedBlobs {
  readonly kind: Transfer["kind"];
  readonly reference: string;
  readonly image: StoredImage;
  readonly variants: readonly ImageVariant[];
  readonly isMoved: (digest: Digest) => boolean;
}

/** Note an image that was loaded, and which of its blobs had to be written for it. */
export function noteLoad(context: Context, image: StoredImage, written: ReadonlySet<Digest>): Promise<void> {
  const { names, target, variants } = image;
  const reference = names[0] ?? target.digest;
  return tryToNote(() =>
    noteMoved(context, { kind: "load", reference, image, variants, isMoved: (digest) => written.has(digest) }),
  );
}

/** Keep the numbers of a transfer that is known by the blobs that were moved. */
async function noteMoved(context: Context, o: MovedBlobs): Promise<void> {
  const [first] = o.variants;
  if (first === undefined) return; // an artifact has no layers
  const sizes = new Map<Digest, number>();
  for (const variant of o.variants) {
    const { layers, documents = [] } = await imageSource(context, o.image, variant);
    for (const { digest, size } of [...layers.map(({ blob }) => blob), ...documents]) sizes.set(digest, size);
  }
  const blobs = [...sizes].map(([digest, size]) => ({ digest, size, moved: o.isMoved(digest) }));
  const sum = (moved: boolean): number => blobs.reduce((bytes, it) => bytes + (it.moved === moved ? it.size : 0), 0);
  const { kind, reference } = o;
  noteTransfer(context, {
    kind,
    reference,
    image: first.config,
    movedBytes: sum(true),
    reusedBytes: sum(false),
    blobs,
  });
}
