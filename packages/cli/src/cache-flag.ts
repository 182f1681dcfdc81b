import { resolve } from "node:path";
import type { CachePlace } from "@ctr/engine";
import { csvPairs } from "./csv-flag.ts";
import { Failure } from "./failure.ts";

/** Where the cache goes (`--cache-to`). */
export type CacheTo =
  | { readonly type: "inline" }
  | (CachePlace & { readonly mode: "min" | "max"; readonly mounts: readonly string[] });

/** `type=local,src=DIRECTORY`, `type=registry,ref=NAME` or a name alone. @throws {Failure} */
export function parseCacheFrom(text: string): CachePlace {
  const flag = "--cache-from";
  if (!text.includes("=")) return { type: "registry", ref: text };
  const all = new Map(csvPairs(text, flag));
  return placeOf(text, flag, all, "src");
}

/** `type=local,dest=DIRECTORY`, `type=registry,ref=NAME` or `type=inline`; `mode=min|max`, `mounts=ID` for cache mounts. @throws {Failure} */
export function parseCacheTo(text: string): CacheTo {
  const flag = "--cache-to";
  if (!text.includes("=")) return { type: "registry", ref: text, mode: "max", mounts: [] };
  const pairs = csvPairs(text, flag);
  const all = new Map(pairs);
  if (all.get("type") === "inline") return { type: "inline" };
  const mode = all.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max") throw wrong(text, flag, "mode is min or max");
  const mounts = pairs.flatMap(([key, value]) => (key === "mounts" ? value.split(",") : []));
  return { ...placeOf(text, flag, all, "dest"), mode, mounts };
}

function placeOf(text: string, flag: string, all: ReadonlyMap<string, string>, path: string): CachePlace {
  const required = (key: string): string => {
    const value = all.get(key);
    if (value === undefined || value === "") throw wrong(text, flag, `${key} is required`);
    return value;
  };
  switch (all.get("type")) {
    case "local":
      return { type: "local", directory: resolve(required(path)) };
    case "registry":
      return { type: "registry", ref: required("ref") };
    default:
      throw wrong(text, flag, `type ${all.get("type") ?? "of nothing"} is not there: local, registry and inline are`);
  }
}

function wrong(text: string, flag: string, why: string): Failure {
  return new Failure(`invalid argument ${JSON.stringify(text)} for ${flag}: ${why}`, 1);
}
