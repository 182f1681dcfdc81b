import { type Digest, isDigest } from "./digest.ts";
import { quote } from "./json.ts";
import { OciError } from "./oci-error.ts";

// name    := [domain "/"] component ("/" component)*        docker.io/library/busybox
// domain  := host [":" port]                                 localhost:5000, [::1]:5000
// ref     := name [":" tag] ["@" digest]
//
// The first part of a name is a domain only if it looks like one (a dot, a colon, an upper-case letter,
// "localhost"); else the domain is Docker Hub, and a single component lives in its "library".

/** A name of an image, completed by Docker's rules. */
export interface Reference {
  /** Registry host, with port if one was given: `docker.io`. */
  readonly domain: string;
  /** Repository on that host: `library/busybox`. */
  readonly path: string;
  /** `latest` when neither tag nor digest was given. */
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = "docker.io";
const legacyDomain = "index.docker.io";
const officialPrefix = "library/";
const defaultTag = "latest";

const maxName = 255;
// name, port, tag and the longest digest together
const maxReference = 2 * maxName + 128 + 136;

// Each pattern is one loop over disjoint classes, so matching is linear in the (bounded) length.
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const domain =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Complete and check an image reference as `docker pull` does.
 *
 * @param text  `busybox`, `localhost:5000/app:1.2`, `ghcr.io/a/b@sha256:…`
 * @throws {OciError} `ERR_OCI_REFERENCE`, `ERR_OCI_DIGEST`
 * @see https://github.com/distribution/reference, the grammar at the head of reference.go
 */
export function parseReference(text: string): Reference {
  if (text === "" || text.length > maxReference) throw wrong(text, `it has ${text.length} characters`);
  if (/^[a-f0-9]{64}$/.test(text)) throw wrong(text, "64 hexadecimal digits are an image id, not a name");
  const [named, digest] = cutDigest(text);
  const [host, rest] = splitDomain(named);
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);

  if (!domain.test(host) || host.length > maxName) throw wrong(text, `${quote(host)} is no registry host`);
  if (path !== path.toLowerCase())
    throw wrong(text, `repository name (${JSON.stringify(path).slice(1, -1)}) must be lowercase`);
  if (path.length > maxName) throw wrong(text, `the repository name is longer than ${maxName} characters`);
  if (!path.split("/").every((part) => component.test(part))) throw wrong(text, `${quote(path)} is no repository name`);
  if (tag !== undefined && !tagPattern.test(tag)) throw wrong(text, `${quote(tag)} is no tag`);

  const name = { domain: host, path };
  if (digest === undefined) return { ...name, tag: tag ?? defaultTag };
  return tag === undefined ? { ...name, digest } : { ...name, tag, digest };
}

function cutDigest(text: string): [string, Digest | undefined] {
  const at = text.indexOf("@");
  if (at < 0) return [text, undefined];
  const digest = text.slice(at + 1);
  if (!isDigest(digest))
    throw new OciError(
      "ERR_OCI_DIGEST",
      `invalid reference ${quote(text)}: ${quote(digest)} is no sha256 or sha512 digest`,
    );
  return [text.slice(0, at), digest];
}

function splitDomain(name: string): [string, string] {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const looksLikeDomain = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const host = slash >= 0 && looksLikeDomain ? first : defaultDomain;
  const rest = slash >= 0 && looksLikeDomain ? name.slice(slash + 1) : name;
  if (host !== defaultDomain && host !== legacyDomain) return [host, rest];
  return [defaultDomain, rest.includes("/") ? rest : officialPrefix + rest];
}

function wrong(text: string, why: string): OciError {
  return new OciError("ERR_OCI_REFERENCE", `invalid reference format: ${quote(text)}: ${why}`);
}

/** Domain and path: `docker.io/library/busybox`. */
export function fullName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** The short name that Docker prints as REPOSITORY: `busybox`, `ghcr.io/a/b`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== defaultDomain) return fullName(reference);
  const short = reference.path.slice(officialPrefix.length);
  return reference.path.startsWith(officialPrefix) && !short.includes("/") ? short : reference.path;
}

/** The whole reference in full: `docker.io/library/busybox:latest`. `parseReference` gives the same back. */
export function formatReference(reference: Reference): string {
  return fullName(reference) + suffix(reference);
}

/** The whole reference as Docker prints it: `busybox:latest`, `busybox@sha256:…`. */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffix(reference);
}

function suffix(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return reference.digest === undefined ? tag : `${tag}@${reference.digest}`;
}
