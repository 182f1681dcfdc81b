import type { Engine } from "@ctr/engine";
import {
  type Descriptor,
  familiarReference,
  formatReference,
  fullName,
  layerCompression,
  type Platform,
  parseReference,
} from "@ctr/oci";
import { Failure, harmless } from "./failure.ts";
import { LayerLines } from "./progress.ts";
import { showSize } from "./size.ts";

export { scavenging } from "./scavenge.ts";

// What `pull`, `push` and `image copy` print: Docker's words, and what was moved.

type Events<T> = AsyncIterable<T>;
type PullEvents = ReturnType<Engine["images"]["pull"]>;
type PushEvents = ReturnType<Engine["images"]["push"]>;

interface TransferFlags {
  readonly quiet: boolean;
  readonly platform?: Platform | undefined;
  readonly signal: AbortSignal;
}

/** What of the flags the engine is told. */
const requestOf = ({
  platform,
  signal,
}: TransferFlags): { readonly platform?: Platform; readonly signal: AbortSignal } => ({
  signal,
  ...(platform === undefined ? {} : { platform }),
});

const short = (digest: string): string => digest.slice(digest.indexOf(":") + 1).slice(0, 12);
const isLayer = (it: Descriptor): boolean => layerCompression(it.mediaType) !== undefined;
const say = (flags: TransferFlags, text: string): void => void (flags.quiet || process.stdout.write(text));
/** Where nobody looks, nothing is drawn. */
const linesFor = (flags: TransferFlags): LayerLines =>
  new LayerLines(flags.quiet ? { write: () => undefined } : process.stdout);

/** Pull a name, and print its full form at the end. */
export async function pullImage(engine: Engine, name: string, flags: TransferFlags): Promise<void> {
  const reference = parseReference(name);
  if (reference.tag === "latest" && !name.endsWith(":latest")) say(flags, "Using default tag: latest\n");
  say(flags, `${reference.tag ?? reference.digest}: Pulling from ${reference.path}\n`);
  const events = engine.images.pull({ reference: name, ...requestOf(flags) });
  const done = await showPull(events, linesFor(flags));
  const status = done.fetchedBytes === 0 ? "Image is up to date for" : "Downloaded newer image for";
  say(flags, `Digest: ${done.root.digest}\nStatus: ${status} ${formatReference(reference)}\n`);
  say(flags, `${showSize(done.fetchedBytes)} fetched, ${showSize(done.reusedBytes)} were here already\n`);
  process.stdout.write(`${formatReference(reference)}\n`);
}

/** Pull what a container is to be made from. Standard output is the container's, so this is told on standard error. */
export async function pullForRun(engine: Engine, name: string, flags: TransferFlags): Promise<void> {
  const reference = parseReference(name);
  const tell = (text: string): void => void (flags.quiet || process.stderr.write(text));
  tell(`${reference.tag ?? reference.digest}: Pulling from ${reference.path}\n`);
  const lines = new LayerLines(flags.quiet ? { write: () => undefined } : process.stderr);
  const done = await showPull(engine.images.pull({ reference: name, ...requestOf(flags) }), lines);
  const status = done.fetchedBytes === 0 ? "Image is up to date for" : "Downloaded newer image for";
  tell(`Digest: ${done.root.digest}\nStatus: ${status} ${familiarReference(reference)}\n`);
}

type Done<E> = E extends { readonly kind: "done" } ? E : never;
type PullEvent = PullEvents extends AsyncGenerator<infer E> ? E : never;
type PushEvent = PushEvents extends AsyncGenerator<infer E> ? E : never;

async function showPull(events: Events<PullEvent>, lines: LayerLines): Promise<Done<PullEvent>> {
  let layers: readonly Descriptor[] = [];
  let done: Done<PullEvent> | undefined;
  const present = new Set<string>();
  const fetched = new Set<string>();
  try {
    for await (const event of events) {
      if (event.kind === "selected") {
        layers = event.manifest.layers;
        for (const { digest } of layers) lines.show(short(digest), "Waiting");
      } else if (event.kind === "done") done = event;
      else if ("descriptor" in event && isLayer(event.descriptor)) {
        const { digest, size } = event.descriptor;
        const id = short(digest);
        if (event.kind === "present") {
          present.add(digest);
          lines.finish(id, "Already exists");
        }
        if (event.kind === "progress") lines.show(id, "Downloading", { done: event.received, total: size });
        if (event.kind === "stored") {
          fetched.add(digest);
          lines.show(id, "Download complete");
        }
        if (layers.every((it) => present.has(it.digest) || fetched.has(it.digest)))
          for (const one of fetched) lines.show(short(one), "Extracting");
      }
    }
    for (const { digest } of layers) if (!present.has(digest)) lines.finish(short(digest), "Pull complete");
  } finally {
    lines.end();
  }
  return done!;
}

/** Push a name, and print its digest. */
export async function pushImage(engine: Engine, name: string, flags: TransferFlags): Promise<void> {
  const reference = parseReference(name);
  say(flags, `The push refers to repository [${fullName(reference)}]\n`);
  const events = engine.images.push({ reference: name, ...requestOf(flags) });
  const done = await showPush(events, linesFor(flags));
  say(
    flags,
    `${reference.tag}: digest: ${done.root.digest} size: ${done.root.size}\n${showSize(done.sentBytes)} sent\n`,
  );
  if (flags.quiet) process.stdout.write(`${formatReference(reference)}\n`);
}

/** Copy from registry to registry, and print the digest. */
export async function copyImage(
  engine: Engine,
  o: { readonly from: string; readonly to: string; readonly all: boolean },
  flags: TransferFlags,
): Promise<void> {
  const remote = await engine.images.remote();
  const events = remote.copy({ ...o, ...requestOf(flags) });
  const done = await showPush(events, linesFor(flags));
  say(flags, `${showSize(done.sentBytes)} sent\n`);
  process.stdout.write(`${done.root.digest}\n`);
}

async function showPush(events: Events<PushEvent>, lines: LayerLines): Promise<Done<PushEvent>> {
  let done: Done<PushEvent> | undefined;
  try {
    for await (const event of events) {
      if (event.kind === "done") done = event;
      else if (event.kind === "narrowed")
        process.stderr.write(
          `ctr: not all platforms of ${event.index.digest} are here; only the image ${event.root.digest} is pushed\n`,
        );
      else if (isLayer(event.descriptor)) {
        const { digest, size } = event.descriptor;
        const id = short(digest);
        if (event.kind === "present") lines.finish(id, "Layer already exists");
        if (event.kind === "mounted") lines.finish(id, `Mounted from ${event.from}`);
        if (event.kind === "sent") lines.finish(id, "Pushed");
        if (event.kind === "progress") lines.show(id, "Pushing", { done: event.sent, total: size });
      }
    }
  } finally {
    lines.end();
  }
  return done!;
}

/** Pull every tag of a repository; one that fails does not keep the others away. */
export async function pullAllTags(engine: Engine, name: string, flags: TransferFlags): Promise<void> {
  const repository = repositoryOf(name);
  const remote = await engine.images.remote();
  let failed = 0;
  for await (const tag of remote.tags(repository, flags))
    try {
      await pullImage(engine, `${repository}:${tag}`, flags);
    } catch (error) {
      flags.signal.throwIfAborted();
      failed++;
      process.stderr.write(`ctr: ${harmless((error as Error).message)}\n`);
    }
  if (failed > 0) throw new Failure(`${failed} of the tags could not be pulled`, 1);
}

/** Push all that the store has of a repository. */
export async function pushAllTags(engine: Engine, name: string, flags: TransferFlags): Promise<void> {
  const prefix = `${repositoryOf(name)}:`;
  const names = (await engine.images.list())
    .flatMap(({ image }) => image.names)
    .filter((it) => it.startsWith(prefix) && !it.includes("@"));
  if (names.length === 0) throw new Failure(`An image does not exist locally with the tag: ${name}`, 1);
  for (const one of [...new Set(names)].toSorted()) await pushImage(engine, one, flags);
}

function repositoryOf(name: string): string {
  if (/[:@][^/]*$/.test(name)) throw new Failure("tag can't be used with --all-tags/-a", 1);
  return fullName(parseReference(name));
}
