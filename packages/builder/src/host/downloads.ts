import { createHash } from "node:crypto";
import { type ImageStore, isImageStoreError } from "@ctr/image-store";
import { type Digest, digestHex, makeDigest } from "@ctr/oci";
import { BuilderError } from "../builder-error.ts";
import { withoutPassword } from "../git-reference.ts";
import { nameOfAnswer, nameOfUrl, unnamed } from "../remote-source.ts";
import type { BuildGrants } from "../secret-source.ts";
import type { DownloadTable, KnownDownload } from "./download-table.ts";
import { type Answer, httpGet } from "./http-get.ts";

/** Bytes of one file. */
const maxDownloadBytes = 16 * 2 ** 30;

export interface DownloadServices {
  readonly store: ImageStore;
  readonly table: DownloadTable;
  readonly secrets: BuildGrants["secrets"];
  readonly signal: AbortSignal | undefined;
}

//  ADD url             known, with a tag ──▶ GET if-none-match ──▶ 304: the digest is the one of before
//  ADD --checksum url  the digest is in the Dockerfile: nothing is asked
//                      otherwise         ──▶ GET ──▶ a blob of the store
//
//  The step's key needs the digest alone. Where the step is reused, no byte of the file was moved.

/** A file somewhere else: what it is, and its bytes when they are needed. */
export class Download {
  readonly sha256: string;
  readonly name: string;
  readonly #fetch: (expected: Digest) => Promise<KnownDownload>;
  readonly #s: DownloadServices;
  #mtime: bigint | undefined;

  constructor(
    services: DownloadServices,
    known: Pick<KnownDownload, "sha256" | "name"> & { readonly mtime?: bigint | undefined },
    fetch: (expected: Digest) => Promise<KnownDownload>,
  ) {
    this.#s = services;
    this.sha256 = known.sha256;
    this.name = known.name;
    this.#mtime = known.mtime;
    this.#fetch = fetch;
  }

  /** Bring the file here, unless it is. @returns its time, nanoseconds since the epoch. @throws {BuilderError} `ERR_BUILDER_DOWNLOAD` */
  async ready(): Promise<bigint> {
    const { store } = this.#s;
    if (this.#mtime === undefined || store.leaseBlob(this.#digest) === undefined)
      this.#mtime = (await this.#fetch(this.#digest)).mtime;
    return this.#mtime;
  }

  /** Its bytes, once it is ready. */
  content(): AsyncGenerator<Uint8Array, void> {
    const { store, signal } = this.#s;
    return store.readBlobStream(this.#digest, signal && { signal });
  }

  get #digest(): Digest {
    return makeDigest("sha256", this.sha256);
  }
}

/** The downloads of a build, each address read at most once. */
export class Downloads {
  readonly #s: DownloadServices;
  readonly #found = new Map<string, Promise<Download>>();

  constructor(services: DownloadServices) {
    this.#s = services;
  }

  /**
   * Find out what an address has now.
   *
   * @param sha256  What it must have, in hexadecimal; then nothing is asked before it is needed.
   * @throws {BuilderError} `ERR_BUILDER_DOWNLOAD`
   */
  find(url: URL, sha256: string | undefined): Promise<Download> {
    const key = `${sha256 ?? ""} ${url.href}`;
    const found = this.#found.get(key) ?? this.#find(url, sha256);
    this.#found.set(key, found);
    return found;
  }

  async #find(url: URL, sha256: string | undefined): Promise<Download> {
    const { table } = this.#s;
    const known = table.find(addressOf(url));
    const fetch = (expected: Digest): Promise<KnownDownload> => this.#fetch(url, expected);
    const name = nameOfUrl(url);
    if (sha256 !== undefined && name !== undefined) {
      const mtime = known?.sha256 === sha256 ? known.mtime : undefined;
      return new Download(this.#s, { sha256, name, mtime }, fetch);
    }
    const expected = sha256 === undefined ? undefined : makeDigest("sha256", sha256);
    return new Download(this.#s, await this.#ask(url, known, expected), fetch);
  }

  async #ask(url: URL, known: KnownDownload | undefined, expected: Digest | undefined): Promise<KnownDownload> {
    if (known?.etag === undefined) return this.#fetch(url, expected);
    const answer = await this.#get(url, known.etag);
    // A server that knows tags but no conditions sends everything again.
    if (answer.status !== 304 && answer.etag !== known.etag) return this.#keep(url, answer, expected);
    answer.discard();
    if (expected !== undefined && known.sha256 !== digestHex(expected)) throw mismatch(url, known.sha256, expected);
    return known;
  }

  async #fetch(url: URL, expected: Digest | undefined): Promise<KnownDownload> {
    return this.#keep(url, await this.#get(url, undefined), expected);
  }

  async #get(url: URL, ifNoneMatch: string | undefined): Promise<Answer> {
    const { secrets, signal } = this.#s;
    const authorization = await authorizationOf(url, secrets);
    return httpGet({ url, authorization, ifNoneMatch, maxBytes: maxDownloadBytes, signal });
  }

  async #keep(url: URL, answer: Answer, expected: Digest | undefined): Promise<KnownDownload> {
    const { store, table, signal } = this.#s;
    const hash = createHash("sha256");
    async function* hashed(): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of answer.body()) {
        hash.update(chunk);
        yield chunk;
      }
    }
    try {
      const options = { ...(expected && { expected: { digest: expected } }), ...(signal && { signal }) };
      const { digest } = await store.writeBlob(hashed(), options);
      const name = nameOfUrl(url) ?? nameOfAnswer(answer.contentDisposition) ?? unnamed;
      const known = { etag: answer.etag, sha256: digestHex(digest), name, mtime: timeOf(answer.lastModified) };
      table.remember(addressOf(url), known);
      return known;
    } catch (error) {
      const isOther = isImageStoreError(error) && error.code === "ERR_BLOB_DIGEST_MISMATCH";
      if (isOther && expected !== undefined) throw mismatch(url, hash.digest("hex"), expected);
      // The store reports what its source threw: the source's own words say more.
      throw error instanceof Error && error.cause instanceof BuilderError ? error.cause : error;
    }
  }
}

function mismatch(url: URL, found: string, expected: Digest): BuilderError {
  const message = `digest mismatch for ${withoutPassword(url.href)}: sha256:${found} (expected: ${expected})`;
  return new BuilderError({ code: "ERR_BUILDER_DOWNLOAD", message });
}

const addressOf = (url: URL): string => createHash("sha256").update(url.href).digest("hex");

/** Without a time, the one that everything without a time has. */
function timeOf(lastModified: string | undefined): bigint {
  const millis = Date.parse(lastModified ?? "");
  return Number.isNaN(millis) || millis < 0 ? 0n : BigInt(Math.floor(millis / 1000)) * 1_000_000_000n;
}

/** @see https://docs.docker.com/build/building/secrets/#http-authentication-scheme */
async function authorizationOf(url: URL, secrets: BuildGrants["secrets"]): Promise<string | undefined> {
  for (const [id, prefix] of [
    [`HTTP_AUTH_HEADER_${url.host}`, ""],
    [`HTTP_AUTH_TOKEN_${url.host}`, "Bearer "],
  ] as const) {
    if (!Object.hasOwn(secrets, id)) continue;
    const value = Buffer.from(await secrets[id]!())
      .toString("utf8")
      .trim();
    if (!/[\r\n\0]/.test(value)) return prefix + value;
    throw new BuilderError({ code: "ERR_BUILDER_SECRET", message: `secret ${id} is no header: it has several lines` });
  }
  return undefined;
}
