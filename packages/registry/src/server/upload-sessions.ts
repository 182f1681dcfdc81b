import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { basename } from "node:path";
import { type Digest, digestAlgorithm, digestHex } from "@ctr/oci";
import type { Layout } from "./layout.ts";
import { Refusal } from "./reply.ts";

const maxSessions = 1000;
/** Milliseconds after which an upload that nobody touched is given up. */
const maxAgeMillis = 3_600_000;

/** A blob on its way in: bytes are appended in order and hashed as they come. */
interface Session {
  readonly id: string;
  readonly repository: string;
  readonly path: string;
  readonly file: FileHandle;
  readonly hash: Hash;
  size: number;
  touched: number;
  /** The request that writes now, and the promise that it is done. */
  writer: { readonly request: IncomingMessage; readonly done: Promise<void> } | undefined;
}

export class UploadSessions {
  readonly #layout: Layout;
  readonly #maxBlobBytes: number;
  readonly #sessions: Map<string, Session> = new Map();

  constructor(layout: Layout, maxBlobBytes: number) {
    this.#layout = layout;
    this.#maxBlobBytes = maxBlobBytes;
  }

  /** @returns the id. @throws {Refusal} 429 with too many open */
  async start(repository: string): Promise<string> {
    for (const session of [...this.#sessions.values()])
      if (Date.now() - session.touched > maxAgeMillis) await this.#drop(session);
    if (this.#sessions.size >= maxSessions) throw new Refusal(429, "TOOMANYREQUESTS", "too many open uploads");
    const { path, file } = await this.#layout.createUpload();
    const id = basename(path);
    const session = { id, repository, path, file, hash: createHash("sha256"), size: 0, touched: Date.now() };
    this.#sessions.set(id, { ...session, writer: undefined });
    return id;
  }

  /** Bytes received. @throws {Refusal} 404 */
  async sizeOf(repository: string, id: string): Promise<number> {
    const session = this.#get(repository, id);
    await interrupt(session);
    return session.size;
  }

  /**
   * Append a request's body. What came before a cut is kept.
   *
   * @param start  Where the client believes to be; undefined when it does not say.
   * @throws {Refusal} 416 when it is somewhere else
   */
  async append(repository: string, id: string, request: IncomingMessage, start: number | undefined): Promise<number> {
    const session = this.#get(repository, id);
    // A client that comes back after a cut may be faster than the end of its old connection.
    await interrupt(session);
    if (start !== undefined && start !== session.size)
      throw new Refusal(416, "BLOB_UPLOAD_INVALID", `expected byte ${session.size}, not ${start}`, {
        range: rangeOf(session.size),
      });
    const writing = this.#write(session, request);
    const done = writing.catch(() => {});
    session.writer = { request, done };
    await writing.finally(() => {
      session.writer = undefined;
      session.touched = Date.now();
    });
    return session.size;
  }

  /** Verify and store. @returns the size in bytes. @throws {Refusal} 400 when the bytes have another digest; the upload is gone then */
  async finish(repository: string, id: string, digest: Digest): Promise<number> {
    const session = this.#get(repository, id);
    await interrupt(session);
    const isSha512 = digestAlgorithm(digest) === "sha512";
    const found = isSha512 ? await hashFile(session.path, "sha512") : session.hash.copy().digest("hex");
    if (found !== digestHex(digest)) {
      await this.#drop(session);
      throw new Refusal(400, "DIGEST_INVALID", `the ${session.size} bytes have the digest ${found}`);
    }
    this.#sessions.delete(id);
    try {
      await this.#layout.commit(session.path, session.file, digest);
    } catch (error) {
      await this.#layout.discard(session.path, session.file);
      throw error;
    }
    return session.size;
  }

  async cancel(repository: string, id: string): Promise<void> {
    const session = this.#get(repository, id);
    await interrupt(session);
    await this.#drop(session);
  }

  async close(): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      await interrupt(session);
      await this.#drop(session);
    }
  }

  async #write(session: Session, request: IncomingMessage): Promise<void> {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (session.size + chunk.length > this.#maxBlobBytes)
        throw new Refusal(413, "SIZE_INVALID", `more than ${this.#maxBlobBytes} bytes`);
      await session.file.appendFile(chunk);
      session.hash.update(chunk);
      session.size += chunk.length;
    }
  }

  #get(repository: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined || session.repository !== repository)
      throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
    return session;
  }

  async #drop(session: Session): Promise<void> {
    this.#sessions.delete(session.id);
    await this.#layout.discard(session.path, session.file);
  }
}

async function interrupt(session: Session): Promise<void> {
  session.writer?.request.destroy();
  await session.writer?.done;
}

async function hashFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** The Range header of an upload. Nothing received is `0-0` too, as in other registries. */
export function rangeOf(size: number): string {
  return `0-${Math.max(size - 1, 0)}`;
}
