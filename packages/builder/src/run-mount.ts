/** What a command sees at a place of its own for as long as it runs. */
export type RunMount = { readonly target: string; readonly readOnly: boolean } & (
  | PathMount
  | LayersMount
  | TmpfsMount
  | SecretFileMount
  | AgentMount
);

/** A directory or file of the host that the builder made: nobody else can put a link in its place. */
export interface PathMount {
  readonly type: "path";
  readonly source: string;
}

/**
 * A piece of a tree that somebody else filled. The worker mounts the layers and looks for `path` in them, from an fd of
 * their top and with links followed below that (openat2(2), RESOLVE_IN_ROOT): a string would lead wherever the tree's
 * author wants (CVE-2024-1753, CVE-2024-23651).
 */
export interface LayersMount {
  readonly type: "layers";
  /** Newest first, at least two. */
  readonly lowers: readonly string[];
  /** Takes what is written, to be thrown away; undefined when nothing can be. */
  readonly scratch: { readonly upper: string; readonly work: string } | undefined;
  /** Absolute, in the layers. */
  readonly path: string;
  readonly isDirectory: boolean;
}

export interface TmpfsMount {
  readonly type: "tmpfs";
  /** Bytes; undefined: the kernel's default, half of the memory. */
  readonly size: number | undefined;
}

interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A file that is never on a disk. */
export interface SecretFileMount extends Owned {
  readonly type: "secret";
  readonly value: Uint8Array;
}

/** A socket that leads to the one at `agent` on the host. */
export interface AgentMount extends Owned {
  readonly type: "agent";
  readonly agent: string;
}
