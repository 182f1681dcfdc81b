import { BuilderError, type Place } from "./builder-error.ts";
import { type GitReference, isCommitPrefix, parseGitReference, withoutPassword } from "./git-reference.ts";

/** What ADD takes from elsewhere than the context. */
export type RemoteSource =
  | { readonly kind: "url"; readonly url: URL; readonly sha256: string | undefined }
  | { readonly kind: "git"; readonly git: GitReference };

/** What an ADD says of its remote sources. */
export interface RemoteFlags {
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean | undefined;
}

/**
 * Read a source of ADD.
 *
 * @returns undefined for a path in the context
 * @throws {BuilderError} `ERR_BUILDER_OPERAND`
 */
export function parseRemoteSource(source: string, flags: RemoteFlags, place: Place): RemoteSource | undefined {
  const git = parseGitReference(source, place);
  if (git !== undefined) return { kind: "git", git: withFlags(git, flags, place) };
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return undefined;
  if (!/^https?:\/\//i.test(source)) {
    const message = `ADD of ${withoutPassword(source)}: only http, https and git addresses can be added`;
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
  }
  if (source.length > 8192 || !URL.canParse(source))
    throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message: `${source} is no address`, place });
  return { kind: "url", url: new URL(source), sha256: sha256Of(flags.checksum, place) };
}

function withFlags(git: GitReference, { checksum, keepGitDir }: RemoteFlags, place: Place): GitReference {
  const refuse = (message: string): BuilderError => new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
  if (keepGitDir !== undefined && git.keepGitDir !== undefined && keepGitDir !== git.keepGitDir)
    throw refuse("inconsistent keep-git-dir configuration");
  if (checksum !== undefined && git.checksum !== undefined && checksum !== git.checksum)
    throw refuse(`checksum mismatch ${JSON.stringify(checksum)} != ${JSON.stringify(git.checksum)}`);
  if (checksum !== undefined && !isCommitPrefix(checksum))
    throw refuse(`invalid checksum ${JSON.stringify(checksum)}: hexadecimal digits of a commit were expected`);
  return { ...git, checksum: git.checksum ?? checksum, keepGitDir: git.keepGitDir ?? keepGitDir };
}

function sha256Of(checksum: string | undefined, place: Place): string | undefined {
  if (checksum === undefined) return undefined;
  const digits = /^sha256:([0-9a-f]{64})$/.exec(checksum)?.[1];
  if (digits !== undefined) return digits;
  const message = `invalid checksum digest format: ${JSON.stringify(checksum)}; sha256: and 64 hexadecimal digits were expected`;
  throw new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
}

/** The name that a file gets when its destination is a directory: the last part of the address. */
export function nameOfUrl(url: URL): string | undefined {
  const last = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  return safeName(decoded(last));
}

/**
 * The name that an answer gives to what it carries.
 *
 * @see RFC 6266, section 4.3
 */
export function nameOfAnswer(contentDisposition: string | undefined): string | undefined {
  if (contentDisposition === undefined || contentDisposition.length > 2000) return undefined;
  const match = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(contentDisposition);
  const text = match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2];
  return text === undefined
    ? undefined
    : safeName(text.slice(Math.max(text.lastIndexOf("/"), text.lastIndexOf("\\")) + 1));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A name that stays where it is put. */
function safeName(name: string): string | undefined {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return undefined;
  return Buffer.byteLength(name) > 255 ? undefined : name;
}

/** What a file is called that has no name anywhere. */
export const unnamed = "__unnamed__";

/** The checksum of an ADD needs one remote source. @throws {BuilderError} `ERR_BUILDER_OPERAND` */
export function checkChecksum(sources: readonly string[], checksum: string | undefined, place: Place): void {
  if (checksum === undefined) return;
  const refuse = (message: string): BuilderError => new BuilderError({ code: "ERR_BUILDER_OPERAND", message, place });
  if (sources.length !== 1) throw refuse("checksum can't be specified for multiple sources");
  const [source] = sources;
  if (!/^https?:\/\//i.test(source!) && parseGitReference(source!, place) === undefined)
    throw refuse("checksum requires HTTP(S) or Git sources");
}
