/** Reads a secret when a command needs it. Nothing of it is kept. */
export type SecretReader = () => Uint8Array | Promise<Uint8Array>;

/** What RUN can mount that is the caller's own. */
export interface BuildGrants {
  /** By the id that a Dockerfile asks for. */
  readonly secrets: Readonly<Record<string, SecretReader>>;
  /** Paths of the sockets of ssh agents, by id. */
  readonly agents: Readonly<Record<string, string>>;
}

/** Bytes of a secret: as much as BuildKit takes. */
export const maxSecretBytes: number = 500 << 10;
