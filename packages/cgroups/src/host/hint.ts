// What an errno means depends on the file: the kernel has few words for many reasons.
const hints: readonly { readonly file: RegExp; readonly symbol: RegExp; readonly hint: string }[] = [
  {
    file: /\/cgroup\.subtree_control$/,
    symbol: /EBUSY/,
    hint: "v2 passes controllers down only from a cgroup without processes: move them to a cgroup of their own",
  },
  {
    file: /\/cgroup\.subtree_control$/,
    symbol: /ENOENT|EINVAL/,
    hint: "a controller is not in this directory's cgroup.controllers: its parent does not pass it down",
  },
  {
    file: /\/memory\.memsw\./,
    symbol: /ENOENT|EACCES/,
    hint: "this kernel does not count swap: boot it with swapaccount=1, or do not limit memory and swap together",
  },
  {
    file: /\/memory\.limit_in_bytes$/,
    symbol: /EINVAL/,
    hint: "the limit is more than the present limit of memory and swap: change linux.resources.memory.swap at the same time",
  },
  {
    file: /\/memory\.(limit_in_bytes|memsw\.limit_in_bytes)$/,
    symbol: /EBUSY/,
    hint: "its processes use more than that and nothing could be taken from them",
  },
  {
    file: /\/cpuset\.(cpus|mems)$/,
    symbol: /EACCES|EINVAL|ERANGE|ENODEV/,
    hint: "its parent does not have all of them, or a cgroup below uses others",
  },
  {
    file: /\/cpu\.(max|cfs_\w+)$/,
    symbol: /EINVAL/,
    hint: "its parent has a smaller share of time, or the burst is more than the quota",
  },
  {
    file: /\/cpu\.rt_/,
    symbol: /EINVAL|ENOENT/,
    hint: "its parent has no real-time budget (cpu.rt_runtime_us), or the kernel shares out none",
  },
  {
    file: /\/(io\.max|blkio\.throttle\.\w+)$/,
    symbol: /ENODEV|EINVAL|ENXIO/,
    hint: "there is no such block device, or it is a partition: limit the whole disk",
  },
  {
    file: /\/(io|blkio)\.(bfq\.)?weight/,
    symbol: /ENOENT|EACCES|EOPNOTSUPP/,
    hint: "no scheduler of this kernel weighs I/O: use BFQ on the disk, or io.cost",
  },
  {
    file: /\/hugetlb\./,
    symbol: /ENOENT|EACCES/,
    hint: "this machine has no pages of that size: see /sys/kernel/mm/hugepages",
  },
  {
    file: /\/devices\.(allow|deny)$/,
    symbol: /EPERM/,
    hint: "a cgroup cannot allow what its parent denies, and only CAP_SYS_ADMIN may change it",
  },
  {
    file: /\/(tasks|cgroup\.procs)$/,
    symbol: /ENOSPC/,
    hint: "its cpuset has no CPUs or no memory nodes",
  },
];

const general: Readonly<Record<string, string>> = {
  ENOENT: "the cgroup is gone, or this kernel does not have the file",
  EROFS: "the cgroup file system is mounted read-only, as in a container: run outside, or with it mounted writable",
  EACCES: "this user may not: run as root, or in a cgroup that was delegated to the user",
};

/** What a failed write most likely means, or `undefined`. */
export function hintFor(file: string, symbol: string): string | undefined {
  const found = hints.find((it) => it.file.test(file) && it.symbol.test(symbol));
  return found?.hint ?? (Object.hasOwn(general, symbol) ? general[symbol] : undefined);
}
