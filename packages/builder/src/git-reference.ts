import { BuilderError, type Place } from "./builder-error.ts";

/** A place in a git repository, as ADD and contexts name it. */
export interface GitReference {
  /** Without a user's password, which goes another way: `https://example.com/a.git`, `git@example.com:a`. */
  readonly remote: string;
  /** `name:password` of the address. */
  readonly credentials: string | undefined;
  /** Branch, tag, full name or commit; undefined: what the repository takes for its head. */
  readonly ref: string | undefined;
  /** Beginning of the commit's digest that it must be. */
  readonly checksum: string | undefined;
  /** Directory in the repository; empty is all of it. */
  readonly subdir: string;
  /** Undefined where the address does not say. */
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean;
}

const schemes = /^(https?|ssh|git):\/\//i;
/** `user@host:path`, as scp(1) has it. The path has no `//` in front: that would be an address. */
const scpForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^?#]+$/;

/**
 * Read `https://host/repo.git#ref:directory` or `…git?branch=…&subdir=…`.
 *
 * @returns undefined for what is no repository: an address over HTTP is one only when its path ends in `.git`.
 * @throws {BuilderError} `ERR_BUILDER_OPERAND` for a repository with something wrong about it
 * @see https://docs.docker.com/build/concepts/context/#url-fragments and #url-queries
 */
export function parseGitReference(text: string, place?: Place): GitReference | undefined {
  if (text.length > 4096) return undefined;
  const [beforeFragment, fragment] = cut(text, "#");
  const [address, query] = cut(beforeFragment, "?");
  const remote = remoteOf(address);
  if (remote === undefined) return undefined;
  const [ref, subdir] = cut(fragment ?? "", ":");
  const found = readQuery(query ?? "", { ref, subdir: subdir ?? "" }, text, place);
  const refuse = (message: string): BuilderError => operand(`${text}: ${message}`, place);
  if (found.ref !== undefined && !isRef(found.ref)) throw refuse(`invalid ref ${JSON.stringify(found.ref)}`);
  if (found.checksum !== undefined && !isCommitPrefix(found.checksum))
    throw refuse(`invalid checksum ${JSON.stringify(found.checksum)}: hexadecimal digits of a commit were expected`);
  if (found.subdir.includes("\0")) throw refuse("invalid subdirectory");
  return { ...remote, ...found };
}

/** Seven digits at least: fewer say nothing. 40 are a whole SHA-1, 64 a whole SHA-256. */
export const isCommitPrefix = (text: string): boolean => /^[0-9a-f]{7,64}$/.test(text);
export const isCommit = (text: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

/** What git takes for the name of a ref, and nothing that it could take for an option. @see git-check-ref-format(1) */
function isRef(ref: string): boolean {
  return (
    ref.length <= 1024 &&
    !ref.startsWith("-") &&
    !ref.startsWith("/") &&
    !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|\.lock$|(?:^|\/)\./.test(ref)
  );
}

function remoteOf(address: string): Pick<GitReference, "remote" | "credentials"> | undefined {
  if (/[\u0000-\u0020\u007f]/.test(address)) return undefined;
  if (scpForm.test(address)) return { remote: address, credentials: undefined };
  const scheme = schemes.exec(address)?.[1]?.toLowerCase();
  if (scheme === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isHttp = scheme === "http" || scheme === "https";
  if (isHttp && !url.pathname.endsWith(".git")) return undefined;
  // git and ssh would read them as options (CVE-2017-1000117).
  if (url.hostname === "" || url.hostname.startsWith("-") || url.pathname.startsWith("/-")) return undefined;
  if (!isHttp || (url.username === "" && url.password === "")) return { remote: address, credentials: undefined };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  return { remote: url.href, credentials };
}

type Asked = Omit<GitReference, "remote" | "credentials">;

function readQuery(
  query: string,
  fragment: { readonly ref: string; readonly subdir: string },
  text: string,
  place: Place | undefined,
): Asked {
  const parameters = new Map<string, string>();
  const refuse = (message: string): BuilderError => operand(`${text}: ${message}`, place);
  for (const [key, value] of new URLSearchParams(query)) {
    if (!known.has(key)) throw refuse(`unexpected query ${JSON.stringify(key)}`);
    if (parameters.has(key)) throw refuse(`query ${JSON.stringify(key)} has multiple values`);
    if (value === "" && !flags.has(key)) throw refuse(`query ${JSON.stringify(key)} has no value`);
    parameters.set(key, value);
  }
  const flag = (name: string): boolean | undefined => {
    const value = parameters.get(name);
    if (value === undefined) return undefined;
    if (/^(?:|1|t|true)$/i.test(value)) return true;
    if (/^(?:0|f|false)$/i.test(value)) return false;
    throw refuse(`invalid ${name} value: ${JSON.stringify(value)}`);
  };
  const only = (what: string, values: readonly (string | undefined)[]): string | undefined => {
    const given = [...new Set(values.filter((value) => value !== undefined && value !== ""))];
    if (given.length > 1) throw refuse(`${what} conflicts: ${JSON.stringify(given[0])} vs ${JSON.stringify(given[1])}`);
    return given[0];
  };
  if (parameters.has("branch") && parameters.has("tag")) throw refuse("branch conflicts with tag");
  const checksum = only("checksum", [parameters.get("checksum"), parameters.get("commit")]);
  const ref = only("ref", [
    fragment.ref,
    parameters.get("ref"),
    prefixed("refs/tags/", parameters.get("tag")),
    prefixed("refs/heads/", parameters.get("branch")),
  ]);
  return {
    ref: ref ?? (checksum !== undefined && isCommit(checksum) ? checksum : undefined),
    checksum,
    subdir: only("subdir", [fragment.subdir, parameters.get("subdir")]) ?? "",
    keepGitDir: flag("keep-git-dir"),
    submodules: flag("submodules") ?? true,
  };
}

const flags: ReadonlySet<string> = new Set(["keep-git-dir", "submodules"]);
const known: ReadonlySet<string> = new Set([
  ...["ref", "tag", "branch", "subdir", "checksum", "commit"],
  ...["keep-git-dir", "submodules"],
]);

const prefixed = (prefix: string, name: string | undefined): string | undefined =>
  name === undefined || name.startsWith(prefix) ? name : prefix + name;

function cut(text: string, mark: string): [before: string, after: string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function operand(message: string, place: Place | undefined): BuilderError {
  return new BuilderError({ code: "ERR_BUILDER_OPERAND", message: withoutPassword(message), place });
}

/** An address for people: nobody is shown its password. */
export function withoutPassword(text: string): string {
  return text.replace(/\b(https?:\/\/)[^/@\s]*@/gi, "$1xxxxx@");
}
