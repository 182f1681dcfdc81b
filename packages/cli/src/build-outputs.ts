import { join } from "node:path";
import type { BuiltVariant, Engine } from "@ctr/engine";
import { type Descriptor, formatPlatform } from "@ctr/oci";
import { writeOutput } from "./archive-stream.ts";
import { isStored } from "./build-flags.ts";
import { Failure } from "./failure.ts";
import type { BuildOutput } from "./output-flag.ts";

/** A finished build. */
export interface Built {
  readonly target: Descriptor;
  readonly variants: readonly BuiltVariant[];
}

/** Bring a result to where `--output` says, in the order of the flags. */
export async function writeOutputs(
  engine: Engine,
  built: Built,
  o: { readonly outputs: readonly BuildOutput[]; readonly tags: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  for (const output of o.outputs) {
    const names = [...o.tags, ...output.names];
    if (output.push) await push(engine, names, o.signal);
    if (isStored(output) || output.type === "cacheonly") continue;
    await write(engine, built, output, { names, signal: o.signal });
  }
}

async function write(
  engine: Engine,
  { target, variants }: Built,
  output: BuildOutput,
  o: { readonly names: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const [only] = variants;
  const image = await engine.built({ target, chainId: only?.chainId });
  const file = output.dest === "-" ? undefined : output.dest;
  switch (output.type) {
    case "docker":
    case "oci":
      if (!output.archive) return image.writeLayout(output.dest!, o);
      if (file === undefined && process.stdout.isTTY)
        throw new Failure("dest file is required for this exporter. refusing to write to console", 1);
      return writeOutput(image.archive(o), file);
    case "tar":
      if (variants.length > 1) throw new Failure("a tar archive has the files of one platform: use type=local", 1);
      if (file === undefined && process.stdout.isTTY)
        throw new Failure("dest file is required for tar exporter. refusing to write to console", 1);
      return writeOutput(image.files(o), file);
    case "local":
      if (variants.length === 1) return image.writeFiles(output.dest!, o);
      for (const { chainId, platform, target: own } of variants) {
        const part = await engine.built({ target: own, chainId });
        await part.writeFiles(join(output.dest!, formatPlatform(platform).replaceAll("/", "_")), o);
      }
  }
}

async function push(engine: Engine, names: readonly string[], signal: AbortSignal): Promise<void> {
  if (names.length === 0) throw new Failure("tag is needed when pushing to registry", 1);
  for (const reference of names) for await (const _ of engine.images.push({ reference, signal }));
}
