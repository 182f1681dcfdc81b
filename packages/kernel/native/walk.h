/* The interpreter: walks a plan step by step and stops at the first that fails. */
#ifndef CTR_WALK_H
#define CTR_WALK_H

#include "plan.h"

#define NO_FD (-1)

struct failure {
	int error; /* positive errno */
	const char *call;
	char path[256];
	char detail[128]; /* what the kernel's mount log said, when it said something */
};

/* The directory that the last step worked in. */
struct parent {
	bool open;
	bool current; /* does the path still lead there? */
	int fd;	      /* O_PATH */
	u64 tree;
	char path[PATH_ROOM];
};

struct walker {
	int channel; /* to the parent; NO_FD in a plan that runs in this process */
	int rootfs;  /* O_PATH; what `rootfs` paths are resolved under */
	int proc;    /* a procfs of our own, mounted nowhere */
	u64 *stamps; /* one per step, then one for the end; NULL without timing */
	u64 step;    /* index of the step being performed */
	struct failure failure;
	struct parent parent;
};

/* 0 when every step was performed; else minus errno, and `failure` says what. */
int walk(struct walker *walker, u8 *plan, size_t size);

/* Notes a failed call and returns minus errno. `result` is minus errno already. */
int failed(struct walker *walker, const char *call, const char *path, long result);

/* Tells the parent what failed. */
void report_failure(const struct walker *walker);

/* in_root.c: opening and making names inside a tree */
#define TREE_HOST 0
#define TREE_ROOTFS 1

/* An fd for `path`, or minus errno. `resolve` adds RESOLVE_* bits. */
int open_in(const struct walker *walker, u64 tree, const char *path, int flags, u64 resolve);

/* An O_PATH fd for the directory that holds the last name of `path`; the name is put in `name`. */
int open_parent(struct walker *walker, u64 tree, const char *path, bool create, char name[256]);

/* The same, for steps that follow one another in one directory. The fd is the walker's, until the next call. */
int parent_of(struct walker *walker, u64 tree, const char *path, bool create, char name[256]);

/* Removes a name in the walker's parent. What other paths lead to may be another thing afterwards. */
int remove_name(struct walker *walker, const char *name, bool keep);

void close_parent(struct walker *walker);

/* An O_PATH fd for a mount target, made when it is missing as `missing` says. */
int open_target(struct walker *walker, u64 tree, const char *path, u64 missing);

/* step_mount.c: the fd of a new file system that is mounted nowhere yet, or what failed() returned */
int create_mount(struct walker *walker, const struct step_mount *step);

/* overlay_string.c: must the layers of this overlay travel as one long text? Then the same as create_mount() */
bool needs_one_string(const struct step_mount *step);
int create_overlay_by_string(struct walker *walker, const struct step_mount *step);

/* remove.c: removes `name` in `parent` and all below; `keep` leaves the directory itself. 0 or minus errno. */
int remove_tree(int parent, const char *name, bool keep);

/* One function a step, 0 or what failed() returned. */
int do_write(struct walker *, const struct step_write *);
int do_join_namespace(struct walker *, const struct step_join_namespace *);
int do_join_process(struct walker *, const struct step_join_process *);
int do_unshare(struct walker *, const struct step_unshare *);
int do_barrier(struct walker *, const struct step_barrier *);
int do_fork(struct walker *);
int do_new_session(struct walker *);
int do_new_keyring(struct walker *, const struct step_new_keyring *);
int do_set_hostname(struct walker *, const struct step_set_hostname *);
int do_set_domainname(struct walker *, const struct step_set_domainname *);
int do_set_limit(struct walker *, const struct step_set_limit *);
int do_set_umask(struct walker *, const struct step_set_umask *);
int do_send_netlink(struct walker *, const struct step_send_netlink *);
int do_mount(struct walker *, const struct step_mount *);
int do_bind(struct walker *, const struct step_bind *);
int do_attach(struct walker *, const struct step_attach *);
int do_set_mount(struct walker *, const struct step_set_mount *);
int do_unmount(struct walker *, const struct step_unmount *);
int do_mask(struct walker *, const struct step_mask *);
int do_make_read_only(struct walker *, const struct step_make_read_only *);
int do_enter_rootfs(struct walker *, const struct step_enter_rootfs *);
int do_pivot_root(struct walker *);
int do_make_directory(struct walker *, const struct step_make_directory *);
int do_make_file(struct walker *, const struct step_make_file *);
int do_extend_file(struct walker *, const struct step_extend_file *);
int do_make_symlink(struct walker *, const struct step_make_symlink *);
int do_make_hardlink(struct walker *, const struct step_make_hardlink *);
int do_make_node(struct walker *, const struct step_make_node *);
int do_set_xattr(struct walker *, const struct step_set_xattr *);
int do_set_time(struct walker *, const struct step_set_time *);
int do_remove(struct walker *, const struct step_remove *);
int do_empty(struct walker *, const struct step_empty *);
int do_set_sysctl(struct walker *, const struct step_set_sysctl *);
int do_open_terminal(struct walker *, const struct step_open_terminal *);
int do_limit_capabilities(struct walker *, const struct step_limit_capabilities *);
int do_set_user(struct walker *, const struct step_set_user *);
int do_set_capabilities(struct walker *, const struct step_set_capabilities *);
int do_set_no_new_privileges(struct walker *);
int do_load_seccomp(struct walker *, const struct step_load_seccomp *);
int do_change_directory(struct walker *, const struct step_change_directory *);
int do_close_others(struct walker *, const struct step_close_others *);
int do_exec(struct walker *, const struct step_exec *);
int do_become_init(struct walker *);

#endif
