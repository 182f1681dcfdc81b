import { csvFields } from "./csv.ts";
import { parseBoolean, parseSize, parseUint32 } from "./quantities.ts";
import { suggest } from "./suggest.ts";

/** Files of the build context, of a stage or of an image, for the time of one RUN. */
export interface BindMount {
  readonly type: "bind";
  readonly target: string;
  /** A stage, an image or a named context; the build context without it. */
  readonly from: string | undefined;
  /** Inside `from`; its root without it. */
  readonly source: string | undefined;
  /** Writes are allowed with `rw`, and thrown away. */
  readonly readOnly: boolean;
}

/** A directory that outlives the build. */
export interface CacheMount {
  readonly type: "cache";
  readonly target: string;
  /** Mounts with one id share one directory; `target` without it. */
  readonly id: string;
  readonly sharing: "shared" | "private" | "locked";
  readonly from: string | undefined;
  readonly source: string | undefined;
  readonly readOnly: boolean;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export interface TmpfsMount {
  readonly type: "tmpfs";
  readonly target: string;
  /** Bytes. */
  readonly size: number | undefined;
  readonly readOnly: boolean;
}

/** A secret as a file, as a variable, or as both. */
export interface SecretMount {
  readonly type: "secret";
  readonly id: string;
  /** `undefined` when the secret is only a variable. */
  readonly target: string | undefined;
  /** The variable it is put into. */
  readonly env: string | undefined;
  readonly required: boolean;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** The socket of an ssh agent. */
export interface SshMount {
  readonly type: "ssh";
  readonly id: string;
  /** A number in its name makes it unique when it is not said. */
  readonly target: string | undefined;
  readonly required: boolean;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** What `RUN --mount=…` asks for. */
export type Mount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

/** Why a mount is none. */
export class MountFailure {
  readonly message: string;
  readonly suggest: (() => string | undefined) | undefined;
  /** No value of any variable would make it right. */
  readonly final: boolean;
  constructor(message: string, suggest?: () => string | undefined, final: boolean = false) {
    this.message = message;
    this.suggest = suggest;
    this.final = final;
  }
}

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const sharings = ["shared", "private", "locked"] as const;
const owned: readonly Mount["type"][] = ["cache", "secret", "ssh"];

// Where each key may stand, and its other names.
const aliases: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite",
};
const allowed: Readonly<Record<string, readonly Mount["type"][]>> = {
  type: types,
  from: ["bind", "cache", "tmpfs", "ssh"],
  source: types,
  target: types,
  readonly: types,
  readwrite: types,
  id: types,
  sharing: ["cache"],
  required: ["secret", "ssh"],
  size: ["tmpfs"],
  mode: owned,
  uid: owned,
  gid: owned,
  env: ["secret"],
};

/**
 * Read the value of `--mount`: `type=cache,target=/root/.cache,sharing=locked`.
 *
 * @param expand  Applied to every value but `from`; the identity when there are no variables.
 * @throws {MountFailure}
 * @see https://docs.docker.com/reference/dockerfile/#run---mount
 */
export function readMount(text: string, expand: (value: string) => string): Mount {
  const fields = csvFields(text);
  if (fields === undefined) throw new MountFailure(`the quotes of ${JSON.stringify(text)} do not add up`);
  const options = new Map<string, string>();
  for (const field of fields) {
    const [key, value] = readField(field);
    if (key === "from" && value.includes("$")) {
      throw new MountFailure(
        "from= takes no variables; give the image a stage of its own and name that",
        undefined,
        true,
      );
    }
    options.set(key, key === "from" ? value : expand(value));
  }
  const type = oneOf(options.get("type") ?? "bind", types, "mount type");
  for (const key of options.keys()) {
    if (!allowed[key]!.includes(type)) throw new MountFailure(`a ${type} mount has no ${key}`);
  }
  return build(type, options);
}

function readField(field: string): [string, string] {
  const equals = field.indexOf("=");
  const written = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
  const key = Object.hasOwn(aliases, written) ? aliases[written]! : written;
  if (!Object.hasOwn(allowed, key)) {
    const known = [...Object.keys(allowed), ...Object.keys(aliases)];
    throw new MountFailure(`unexpected key ${JSON.stringify(written)} in --mount`, () => suggest(written, known));
  }
  if (equals !== -1) return [key, field.slice(equals + 1)];
  if (key === "readonly" || key === "readwrite" || key === "required") return [key, "true"];
  throw new MountFailure(`${JSON.stringify(field)} in --mount needs a value: ${key}=…`);
}

function build(type: Mount["type"], options: ReadonlyMap<string, string>): Mount {
  const target = options.get("target") || undefined;
  const from = options.get("from") || undefined;
  const source = options.get("source") || undefined;
  const id = options.get("id") || undefined;
  const owner = { mode: number(options, "mode", 8), uid: number(options, "uid", 10), gid: number(options, "gid", 10) };
  const required = flag(options, "required") ?? false;
  const readOnly = flag(options, "readonly") ?? negate(flag(options, "readwrite"));
  switch (type) {
    case "bind":
      return { type, target: needed(type, target), from, source, readOnly: readOnly ?? true };
    case "cache": {
      const where = needed(type, target);
      const sharing = oneOf(options.get("sharing") ?? "shared", sharings, "sharing");
      return { type, target: where, id: id ?? where, sharing, from, source, readOnly: readOnly ?? false, ...owner };
    }
    case "tmpfs":
      return { type, target: needed(type, target), size: size(options), readOnly: readOnly ?? false };
    case "secret":
      return secret({ target, source, id, env: options.get("env") || undefined }, { required, ...owner });
    case "ssh":
      return { type, id: id ?? source ?? "default", target, required, ...owner };
  }
}

function secret(
  given: { target: string | undefined; source: string | undefined; id: string | undefined; env: string | undefined },
  rest: { required: boolean; mode: number | undefined; uid: number | undefined; gid: number | undefined },
): SecretMount {
  if (given.source !== undefined && given.id !== undefined)
    throw new MountFailure("a secret has either an id or a source, not both");
  const id = given.source ?? given.id ?? given.target?.split("/").at(-1);
  if (!id) throw new MountFailure("a secret mount needs an id or a target");
  const target = given.target ?? (given.env === undefined ? `/run/secrets/${id.split("/").at(-1)}` : undefined);
  return { type: "secret", id, target, env: given.env, ...rest };
}

function needed(type: string, target: string | undefined): string {
  if (target === undefined) throw new MountFailure(`a ${type} mount needs a target`);
  return target;
}

const negate = (value: boolean | undefined): boolean | undefined => (value === undefined ? undefined : !value);

function flag(options: ReadonlyMap<string, string>, key: string): boolean | undefined {
  const text = options.get(key);
  if (text === undefined) return undefined;
  const value = parseBoolean(text);
  if (value === undefined) throw new MountFailure(`${key}=${text} in --mount is neither true nor false`);
  return value;
}

function number(options: ReadonlyMap<string, string>, key: string, base: 8 | 10): number | undefined {
  const text = options.get(key);
  if (text === undefined) return undefined;
  const value = parseUint32(text, base);
  if (value === undefined)
    throw new MountFailure(`${key}=${text} in --mount is no ${base === 8 ? "octal " : ""}number of 32 bits`);
  return value;
}

function size(options: ReadonlyMap<string, string>): number | undefined {
  const text = options.get("size");
  if (text === undefined) return undefined;
  const bytes = parseSize(text);
  if (bytes === undefined) throw new MountFailure(`size=${text} in --mount is no size such as 64m`);
  return bytes;
}

function oneOf<T extends string>(value: string, values: readonly T[], what: string): T {
  const found = values.find((candidate) => candidate === value.toLowerCase());
  if (found === undefined)
    throw new MountFailure(`unknown ${what} ${JSON.stringify(value)}: one of ${values.join(", ")}`, () =>
      suggest(value, values),
    );
  return found;
}
