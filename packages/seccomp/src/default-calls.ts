/** Calls of one subject, with a space between their names, and why a container may have them. */
export interface CallGroup {
  readonly why: string;
  readonly names: string;
}

export type Privilege =
  | "CAP_BPF"
  | "CAP_DAC_READ_SEARCH"
  | "CAP_PERFMON"
  | "CAP_SYSLOG"
  | "CAP_SYS_ADMIN"
  | "CAP_SYS_BOOT"
  | "CAP_SYS_CHROOT"
  | "CAP_SYS_MODULE"
  | "CAP_SYS_NICE"
  | "CAP_SYS_PACCT"
  | "CAP_SYS_PTRACE"
  | "CAP_SYS_RAWIO"
  | "CAP_SYS_TIME"
  | "CAP_SYS_TTY_CONFIG";

/** What every container may call. Names of all architectures stand together; a table takes those it knows. */
export const groups: readonly CallGroup[] = [
  {
    why: "read and write what is open",
    names:
      "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek _llseek close close_range " +
      "dup dup2 dup3 fcntl fcntl64 ioctl flock pipe pipe2 splice tee vmsplice sendfile sendfile64 copy_file_range " +
      "fsync fdatasync sync syncfs sync_file_range fadvise64 fadvise64_64 readahead fallocate cachestat",
  },
  {
    why: "open and make files; what may be opened is decided by permissions, mounts and the device list",
    names:
      "open openat openat2 creat mknod mknodat mkdir mkdirat memfd_create memfd_secret name_to_handle_at " +
      "truncate truncate64 ftruncate ftruncate64",
  },
  {
    why: "names, links and directories",
    names:
      "link linkat symlink symlinkat readlink readlinkat unlink unlinkat rmdir rename renameat renameat2 " +
      "chdir fchdir getcwd getdents getdents64 umask",
  },
  {
    why: "what files are, and changing it",
    names:
      "stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 " +
      "statmount listmount access faccessat faccessat2 chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 " +
      "fchownat lchown lchown32 utime utimes futimesat utimensat utimensat_time64",
  },
  {
    why: "extended attributes",
    names:
      "getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr flistxattr " +
      "listxattrat removexattr lremovexattr fremovexattr removexattrat",
  },
  {
    why: "memory of the process itself",
    names:
      "brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall " +
      "remap_file_pages membarrier mseal map_shadow_stack pkey_alloc pkey_free pkey_mprotect process_mrelease",
  },
  {
    why: "processes and threads; clone is limited below, clone3 cannot be",
    names:
      "fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pidfd_open pidfd_send_signal " +
      "set_tid_address set_robust_list get_robust_list rseq gettid getpid getppid getpgid getpgrp setpgid getsid setsid " +
      "prctl arch_prctl modify_ldt get_thread_area set_thread_area restart_syscall getcpu",
  },
  {
    why: "debuggers and profilers: since Linux 4.8 a traced call passes the filter again, so it is no way around it",
    names: "ptrace process_vm_readv process_vm_writev uretprobe uprobe",
  },
  {
    why: "user and group ids; whether they may change is decided by CAP_SETUID and CAP_SETGID",
    names:
      "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32 getresuid getresuid32 " +
      "getresgid getresgid32 setuid setuid32 setgid setgid32 setgroups setgroups32 setreuid setreuid32 setregid " +
      "setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32",
  },
  {
    why: "giving up rights, never gaining any",
    names: "capget capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
  },
  {
    why: "signals",
    names:
      "rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend " +
      "rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack sigprocmask sigreturn signalfd signalfd4 pause",
  },
  {
    why: "clocks and timers; setting a clock needs CAP_SYS_TIME, which adjtimex and clock_adjtime ask for themselves",
    names:
      "time times gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep " +
      "clock_nanosleep_time64 clock_adjtime clock_adjtime64 adjtimex nanosleep alarm getitimer setitimer timer_create " +
      "timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create " +
      "timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64",
  },
  {
    why: "scheduling, limits and usage",
    names:
      "sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam " +
      "sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval " +
      "sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set getrlimit ugetrlimit setrlimit " +
      "prlimit64 getrusage sysinfo uname getrandom riscv_hwprobe",
  },
  {
    why: "waiting for files and threads",
    names:
      "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl " +
      "epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 futex futex_time64 futex_wait " +
      "futex_waitv futex_wake futex_requeue inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark",
  },
  {
    why: "asynchronous input and output of the old kind; io_uring is left out: its operations pass no filter",
    names: "io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64",
  },
  {
    why: "sockets; socket itself is limited below, socketcall of 32-bit programs hides its arguments behind a pointer",
    names:
      "socketpair socketcall bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt " +
      "send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64",
  },
  {
    why: "System V and POSIX objects between processes, which the ipc namespace keeps apart",
    names:
      "ipc msgget msgsnd msgrcv msgctl semget semop semtimedop semtimedop_time64 semctl shmget shmat shmdt shmctl " +
      "mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64",
  },
];

/** What a capability opens: without it the kernel would refuse most of these itself, and bugs before that check count. */
export const privileged: readonly (CallGroup & { readonly needs: Privilege })[] = [
  {
    needs: "CAP_SYS_ADMIN",
    why: "mounts, namespaces and administration",
    names:
      "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules " +
      "lsm_set_self_attr mount mount_setattr move_mount open_tree open_tree_attr perf_event_open quotactl quotactl_fd " +
      "setdomainname sethostname setns syslog umount umount2 unshare",
  },
  { needs: "CAP_BPF", why: "programs for the kernel", names: "bpf" },
  { needs: "CAP_PERFMON", why: "measuring the machine", names: "perf_event_open" },
  { needs: "CAP_SYSLOG", why: "the kernel's log", names: "syslog" },
  {
    needs: "CAP_DAC_READ_SEARCH",
    why: "files by handle, past every mount, as the shocker escape did",
    names: "open_by_handle_at",
  },
  { needs: "CAP_SYS_BOOT", why: "ends the PID namespace, or the machine", names: "reboot" },
  { needs: "CAP_SYS_CHROOT", why: "another root inside the container's", names: "chroot" },
  { needs: "CAP_SYS_MODULE", why: "kernel modules", names: "delete_module init_module finit_module" },
  { needs: "CAP_SYS_PACCT", why: "process accounting", names: "acct" },
  { needs: "CAP_SYS_PTRACE", why: "other processes' files and advice", names: "kcmp pidfd_getfd process_madvise" },
  { needs: "CAP_SYS_RAWIO", why: "the machine's ports", names: "iopl ioperm" },
  { needs: "CAP_SYS_TIME", why: "the machine's clock", names: "settimeofday stime clock_settime clock_settime64" },
  { needs: "CAP_SYS_TTY_CONFIG", why: "hanging up a terminal", names: "vhangup" },
  {
    needs: "CAP_SYS_NICE",
    why: "where memory lies",
    names: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  },
];
