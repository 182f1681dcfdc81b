import { csvPairs } from "./csv-flag.ts";
import { Failure } from "./failure.ts";

/** Where the result of a build goes (`--output`). */
export interface BuildOutput {
  /** `image`: listed in the store. `docker` and `oci`: an archive. `local` and `tar`: the files. */
  readonly type: "image" | "docker" | "oci" | "local" | "tar" | "cacheonly";
  /** A file or directory; `-` is standard output. */
  readonly dest: string | undefined;
  /** More names, and with `push` places to push to. */
  readonly names: readonly string[];
  readonly push: boolean;
  /** `false`: a directory instead of an archive. */
  readonly archive: boolean;
  readonly reproducible: boolean;
}

const types: Readonly<Record<string, BuildOutput["type"]>> = {
  ...{ image: "image", store: "image", registry: "image" },
  ...{ docker: "docker", oci: "oci", local: "local", tar: "tar" },
  ...{ cacheonly: "cacheonly", none: "cacheonly" },
};

/**
 * `type=oci,dest=app.tar`; a bare path is a directory for the files, and `-` a tar archive on standard output.
 *
 * @throws {Failure}
 */
export function parseOutput(text: string): BuildOutput {
  const usual = { names: [], push: false, archive: true, reproducible: false };
  if (text === "-") return { ...usual, type: "tar", dest: "-" };
  if (!/[=,]/.test(text)) return { ...usual, type: "local", dest: text };
  const pairs = csvPairs(text, "--output");
  const all = new Map(pairs);
  const kind = all.get("type");
  if (kind === undefined) throw wrong(text, "type is required for output");
  const type = types[kind];
  if (type === undefined)
    throw wrong(text, `${JSON.stringify(kind)} is no type: ${Object.keys(types).join(", ")} are there`);
  for (const key of all.keys()) if (!known.includes(key)) throw wrong(text, `${JSON.stringify(key)} is not known`);
  if (!["", "gzip", undefined].includes(all.get("compression"))) throw wrong(text, "only compression=gzip is there");
  const dest = all.get("dest");
  if (dest === undefined && (type === "local" || type === "oci")) throw wrong(text, `dest is required for ${kind}`);
  if (type === "local" && dest === "-") throw wrong(text, "dest file not supported for local exporter");
  return {
    type,
    dest: dest ?? (type === "tar" ? "-" : undefined),
    names: pairs.flatMap(([key, value]) => (key === "name" ? value.split(",") : [])),
    push: kind === "registry" || isTrue(all.get("push")),
    archive: !all.has("tar") || isTrue(all.get("tar")),
    reproducible: isTrue(all.get("rewrite-timestamp")),
  };
}

const known: readonly string[] = [
  ...["type", "dest", "name", "push", "tar", "compression", "force-compression", "rewrite-timestamp"],
  ...["oci-mediatypes", "unpack", "store"],
];

const isTrue = (value: string | undefined): boolean => value === "true" || value === "1";

function wrong(text: string, why: string): Failure {
  return new Failure(`invalid argument ${JSON.stringify(text)} for "-o, --output" flag: ${why}`, 1);
}
