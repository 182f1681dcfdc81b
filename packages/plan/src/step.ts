/** Where a step comes from, so that every failure can name the option that asked for it. */
export interface Reason {
  /** The option as its user wrote it: `--memory 64m`, `linux.maskedPaths[3]`, `default`. */
  readonly option: string;
  /** Half a sentence for `--explain`: "the container sees only its own processes". */
  readonly why: string;
}

export type NamespaceType = "mount" | "pid" | "network" | "ipc" | "uts" | "user" | "cgroup" | "time";

/** Per-mount attributes, as mount_setattr(2) names them. */
export type MountAttribute =
  | "readOnly"
  | "noSuid"
  | "noDev"
  | "noExec"
  | "noAtime"
  | "strictAtime"
  | "noDirAtime"
  | "noSymlinkFollow";

export type Propagation = "keep" | "private" | "shared" | "slave" | "unbindable";

/**
 * Which tree a path belongs to. `host` paths are resolved as the kernel does for anybody. `rootfs`
 * paths are resolved under the directory that the last `enterRootfs` step opened and can never leave
 * it, whatever symlinks its image or its volumes hold (openat2(2), RESOLVE_IN_ROOT).
 */
export type Tree = "host" | "rootfs";

/** What to make when a mount target does not exist. `fixed` makes a directory and refuses every symlink on the way. */
export type MissingTarget = "directory" | "file" | "refuse" | "fixed";

/** Nanoseconds since the epoch; negative before 1970. */
export type Nanoseconds = bigint;

export type StepBody =
  // --- processes -----------------------------------------------------------------------------------
  /** Write `text` to an existing file with one write(2): cgroup limits, id maps, oom_score_adj. */
  | { readonly do: "write"; readonly path: string; readonly text: string }
  /** Enter namespaces by path (`/proc/7/ns/net`, a pinned file). @see setns(2) */
  | { readonly do: "joinNamespace"; readonly type: NamespaceType; readonly path: string }
  /** Enter several namespaces of one process at once, by an inherited pidfd. @see setns(2) */
  | { readonly do: "joinProcess"; readonly pidfd: number; readonly types: readonly NamespaceType[] }
  /** Leave shared namespaces for new ones. @see unshare(2) */
  | { readonly do: "unshare"; readonly types: readonly NamespaceType[] }
  /** Tell the parent that this point is reached and wait until it says go on. */
  | { readonly do: "barrier"; readonly name: string }
  /** Go on in a child that has the same parent as this process: after joining a PID namespace only children are in it. @see clone(2), CLONE_PARENT */
  | { readonly do: "fork" }
  /** New session, no controlling terminal. @see setsid(2) */
  | { readonly do: "newSession" }
  /** A session keyring of its own, so that the host's keys are not reachable. @see keyctl_join_session_keyring(3) */
  | { readonly do: "newKeyring"; readonly name: string }
  | { readonly do: "setHostname"; readonly name: string }
  | { readonly do: "setDomainname"; readonly name: string }
  /** @see setrlimit(2); `type` is the name without RLIMIT_, in lower case: "nofile". `-1n` is unlimited. */
  | { readonly do: "setLimit"; readonly type: ResourceLimit; readonly soft: bigint; readonly hard: bigint }
  | { readonly do: "setUmask"; readonly mask: number }
  /** Send rtnetlink requests in this process's network namespace; each must carry NLM_F_ACK. @see netlink(7) */
  | { readonly do: "sendNetlink"; readonly protocol: number; readonly messages: Uint8Array }
  // --- mounts --------------------------------------------------------------------------------------
  /** Mount a new file system. `options` are fsconfig(2) pairs; a key without "=" is a flag. */
  | {
      readonly do: "mount";
      readonly type: string;
      readonly source: string;
      readonly options: readonly string[];
      readonly attributes: readonly MountAttribute[];
      readonly in: Tree;
      readonly target: string;
      readonly missing: MissingTarget;
    }
  /** Show a file or directory at a second place. `idmap` is an inherited fd of a user namespace, or -1. */
  | {
      readonly do: "bind";
      readonly from: Tree;
      readonly source: string;
      readonly recursive: boolean;
      readonly set: readonly MountAttribute[];
      readonly clear: readonly MountAttribute[];
      readonly propagation: Propagation;
      readonly idmap: number;
      readonly in: Tree;
      readonly target: string;
      readonly missing: MissingTarget;
    }
  /** Put a detached mount, inherited as `fd`, into the tree. @see move_mount(2) */
  | { readonly do: "attach"; readonly fd: number; readonly in: Tree; readonly target: string }
  /** Change what is mounted at `target`. @see mount_setattr(2) */
  | {
      readonly do: "setMount";
      readonly in: Tree;
      readonly target: string;
      readonly recursive: boolean;
      readonly set: readonly MountAttribute[];
      readonly clear: readonly MountAttribute[];
      readonly propagation: Propagation;
    }
  /** Take down what is on top of `target`; `detach` lets open files end first. @see umount2(2) */
  | { readonly do: "unmount"; readonly in: Tree; readonly target: string; readonly detach: boolean }
  /** Hide a path: a file under the null device, a directory under an empty read-only tmpfs. Missing paths are fine. */
  | { readonly do: "mask"; readonly target: string }
  /** Remount one path of the rootfs read-only, on itself. Missing paths are fine. */
  | { readonly do: "makeReadOnly"; readonly target: string }
  /** Open the directory that all later `rootfs` paths are resolved under. */
  | { readonly do: "enterRootfs"; readonly path: string }
  /** Make the rootfs the root of this mount namespace and drop the old one. @see pivot_root(2), "pivot_root(".", ".")" */
  | { readonly do: "pivotRoot" }
  // --- files ---------------------------------------------------------------------------------------
  /** An existing directory is taken as it is, and given the mode and owner. */
  | {
      readonly do: "makeDirectory";
      readonly in: Tree;
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  /** A new regular file; what had the name is replaced, never followed. */
  | {
      readonly do: "makeFile";
      readonly in: Tree;
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly bytes: Uint8Array;
    }
  /** More bytes at `offset` of a file made before; offsets past the end leave a hole. */
  | {
      readonly do: "extendFile";
      readonly in: Tree;
      readonly path: string;
      readonly offset: bigint;
      readonly size: bigint;
      readonly bytes: Uint8Array;
    }
  | {
      readonly do: "makeSymlink";
      readonly in: Tree;
      readonly path: string;
      readonly text: string;
      readonly uid: number;
      readonly gid: number;
    }
  /** A second name for the file at `existing`, which is never followed when it is a symlink. */
  | { readonly do: "makeHardlink"; readonly in: Tree; readonly path: string; readonly existing: string }
  | {
      readonly do: "makeNode";
      readonly in: Tree;
      readonly path: string;
      readonly kind: "character" | "block" | "fifo";
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly major: number;
      readonly minor: number;
    }
  | {
      readonly do: "setXattr";
      readonly in: Tree;
      readonly path: string;
      readonly name: string;
      readonly value: Uint8Array;
    }
  /** Set access and modification time of the name itself, not of what it points to. @see utimensat(2) */
  | { readonly do: "setTime"; readonly in: Tree; readonly path: string; readonly time: Nanoseconds }
  /** Remove a name and everything below it, without following anything. A missing name is fine. */
  | { readonly do: "remove"; readonly in: Tree; readonly path: string }
  /** Remove everything inside a directory, keeping it. */
  | { readonly do: "empty"; readonly in: Tree; readonly path: string }
  /** Set a kernel parameter through a procfs of our own that nothing can be mounted over. `name` with slashes. */
  | { readonly do: "setSysctl"; readonly name: string; readonly value: string }
  // --- terminal ------------------------------------------------------------------------------------
  /** Make a terminal in the container's devpts, owned by `uid`; send its master over the inherited socket `send`; make it stdio and /dev/console. */
  | {
      readonly do: "openTerminal";
      readonly send: number;
      readonly rows: number;
      readonly columns: number;
      readonly uid: number;
    }
  // --- privileges ----------------------------------------------------------------------------------
  | { readonly do: "limitCapabilities"; readonly bounding: bigint }
  /** setgroups, setresgid, setresuid; capabilities are kept for `setCapabilities`. */
  | { readonly do: "setUser"; readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  | {
      readonly do: "setCapabilities";
      readonly effective: bigint;
      readonly permitted: bigint;
      readonly inheritable: bigint;
      readonly ambient: bigint;
    }
  | { readonly do: "setNoNewPrivileges" }
  /** Load a filter: `program` is an array of struct sock_filter in this machine's byte order. @see seccomp(2) */
  | { readonly do: "loadSeccomp"; readonly program: Uint8Array; readonly flags: number }
  // --- the end -------------------------------------------------------------------------------------
  /** chdir inside the root, then make sure that the place is really inside it (CVE-2024-21626). */
  | { readonly do: "changeDirectory"; readonly path: string; readonly create: boolean }
  /** Close every fd from `from` on when the program starts. @see close_range(2) */
  | { readonly do: "closeOthers"; readonly from: number }
  /** Become the program. A name without a slash is searched in the PATH of `env`. */
  | { readonly do: "exec"; readonly argv: readonly string[]; readonly env: readonly string[] }
  /** Stay as PID 1 that reaps orphans and forwards signals, and go on with the rest of the plan in a child. */
  | { readonly do: "becomeInit" };

/** One thing the kernel is asked to do, with the reason why. */
export type Step = StepBody & { readonly because: Reason };

export type StepName = Step["do"];

/** The step with this name. */
export type StepOf<Name extends StepName> = Extract<StepBody, { readonly do: Name }>;

export type ResourceLimit =
  | "cpu"
  | "fsize"
  | "data"
  | "stack"
  | "core"
  | "rss"
  | "nproc"
  | "nofile"
  | "memlock"
  | "as"
  | "locks"
  | "sigpending"
  | "msgqueue"
  | "nice"
  | "rtprio"
  | "rttime";
