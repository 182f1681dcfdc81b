// A client for the conformance cases: it adds nothing to what the specification says.
import { request } from "node:http";
import { mediaTypes } from "@ctr/oci";
import { expect } from "vitest";
import { noise, sha256 } from "./images.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export class Client {
  readonly host: string;
  /** A repository that nobody else uses. */
  readonly repository: string;

  constructor(host: string, repository: string) {
    this.host = host;
    this.repository = repository;
  }

  ask(
    method: string,
    path: string,
    o: { readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array | string } = {},
  ): Promise<Answer> {
    const url = new URL(path, `http://${this.host}`);
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, headers: { ...o.headers }, agent: false }, async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk);
        const headers = response.headers as Readonly<Record<string, string | undefined>>;
        resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) });
      });
      outgoing.on("error", reject);
      outgoing.end(o.body);
    });
  }

  at(rest: string, repository: string = this.repository): string {
    return `/v2/${repository}/${rest}`;
  }

  /** POST, then PUT. */
  async putBlob(bytes: Uint8Array): Promise<string> {
    const digest = sha256(bytes);
    const { headers } = await this.ask("POST", this.at("blobs/uploads/"));
    const url = new URL(headers.location ?? "", `http://${this.host}`);
    url.searchParams.set("digest", digest);
    const done = await this.ask("PUT", url.href, {
      headers: { "content-type": "application/octet-stream" },
      body: bytes,
    });
    expect(done.status).toBe(201);
    return digest;
  }

  /** An image of one layer under these references; its manifest. */
  async putImage(o: { references?: readonly string[]; seed?: number; extra?: object } = {}) {
    const { references = ["1"], seed = 1, extra = {} } = o;
    const layer = noise(seed, 500);
    const config = Buffer.from(
      `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["${sha256(layer)}"]}}`,
    );
    const describe = (mediaType: string, bytes: Uint8Array) => ({
      mediaType,
      digest: sha256(bytes),
      size: bytes.length,
    });
    await this.putBlob(layer);
    await this.putBlob(config);
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: describe(mediaTypes.config, config),
      layers: [describe(mediaTypes.layer, layer)],
      ...extra,
    });
    for (const reference of references) {
      const done = await this.putManifest(reference, text);
      expect(done.status).toBe(201);
    }
    return { text, digest: sha256(Buffer.from(text)), layer, layerDigest: sha256(layer) };
  }

  putManifest(reference: string, text: string, type: string = mediaTypes.manifest): Promise<Answer> {
    return this.ask("PUT", this.at(`manifests/${reference}`), { headers: { "content-type": type }, body: text });
  }
}
