/*
 * Steps about mounts, with the fd-based calls of Linux 5.2 and later: a mount is made or cloned first,
 * belonging to nobody, and then put onto an fd of its target. No target is ever a string here.
 *
 *   fsopen → fsconfig … → fsmount ─┐
 *                                  ├─ mount_setattr ─▶ move_mount onto the fd of the target
 *   open_tree(CLONE)  ─────────────┘
 */
#include "walk.h"

#include <linux/magic.h>

#define ATTRIBUTE_TIMES 0x70 /* MOUNT_ATTR__ATIME: one of three, so all bits are cleared to set one */
#define DETACH 2             /* MNT_DETACH */
#define NO_FOLLOW 8          /* UMOUNT_NOFOLLOW */

static int put_mount(struct walker *walker, int mount, int target, const char *path)
{
	long error = sys5(__NR_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return error < 0 ? failed(walker, "move_mount", path, error) : 0;
}

static int put_mount_at(struct walker *walker, int mount, u64 tree, const char *path, u64 missing)
{
	int target = open_target(walker, tree, path, missing);
	int error;

	if (target < 0)
		return failed(walker, "openat2", path, target);
	error = put_mount(walker, mount, target, path);
	sys_close(target);
	return error;
}

static int change_mount(struct walker *walker, int mount, bool recursive, u64 set, u64 clear, u64 propagation,
			s64 idmap, const char *path)
{
	struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
	long error;

	if (set & ATTRIBUTE_TIMES)
		attributes.attr_clr |= ATTRIBUTE_TIMES;
	if (idmap >= 0) {
		attributes.attr_set |= MOUNT_ATTR_IDMAP;
		attributes.userns_fd = (u64)idmap;
	}
	if (attributes.attr_set == 0 && attributes.attr_clr == 0 && propagation == 0)
		return 0;
	error = sys5(__NR_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes,
		     sizeof attributes);
	return error < 0 ? failed(walker, "mount_setattr", path, error) : 0;
}

/* Keeps what the kernel says about a file system context: lines such as "e overlay: …". @see fsconfig(2) */
static void keep_log(struct walker *walker, int context)
{
	char line[128];
	long size = sys_read(context, line, sizeof line - 1);

	if (size <= 2)
		return;
	line[size] = '\0';
	if (line[size - 1] == '\n')
		line[size - 1] = '\0';
	copy_text(walker->failure.detail, sizeof walker->failure.detail, line + 2);
}

/* fsconfig(2) takes 255 bytes of text. A longer path is led to by the magic link of its fd, while it is read. */
static long configure_long_path(int context, const char *key, const char *path)
{
	char link[64] = "/proc/self/fd/";
	int fd = sys_openat(AT_FDCWD, path, O_PATH, 0);
	long result;

	if (fd < 0)
		return fd;
	number_text(link + 14, (u64)fd);
	result = sys5(__NR_fsconfig, context, FSCONFIG_SET_STRING, key, link, 0);
	sys_close(fd);
	return result;
}

static long configure(int context, const char *option)
{
	char key[64];
	size_t length = 0;

	while (option[length] != '\0' && option[length] != '=')
		length++;
	if (length >= sizeof key)
		return -EINVAL;
	copy_text(key, length + 1, option);
	if (option[length] == '\0')
		return sys5(__NR_fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0);
	if (option[length + 1] == '/' && text_length(option + length + 1) > 255)
		return configure_long_path(context, key, option + length + 1);
	return sys5(__NR_fsconfig, context, FSCONFIG_SET_STRING, key, option + length + 1, 0);
}

int create_mount(struct walker *walker, const struct step_mount *step)
{
	long context, result = 0;
	const char *call = "fsconfig";

	if (needs_one_string(step))
		return create_overlay_by_string(walker, step);
	context = sys2(__NR_fsopen, step->type, FSOPEN_CLOEXEC);
	if (context < 0)
		return failed(walker, "fsopen", step->type, context);
	if (*step->source != '\0')
		result = sys5(__NR_fsconfig, context, FSCONFIG_SET_STRING, "source", step->source, 0);
	for (u64 i = 0; result >= 0 && i < step->options.count; i++)
		result = configure((int)context, step->options.items[i]);
	if (result >= 0)
		result = sys5(__NR_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (result >= 0) {
		call = "fsmount";
		result = sys3(__NR_fsmount, context, FSMOUNT_CLOEXEC, step->attributes);
	}
	if (result < 0) {
		keep_log(walker, (int)context);
		failed(walker, call, step->target, result);
	}
	sys_close((int)context);
	return (int)result;
}

int do_mount(struct walker *walker, const struct step_mount *step)
{
	int mount = create_mount(walker, step);
	int error;

	if (mount < 0)
		return mount;
	error = put_mount_at(walker, mount, step->tree, step->target, step->missing);
	sys_close(mount);
	return error;
}

static int clone_mount(struct walker *walker, int fd, bool recursive, const char *path)
{
	long mount = sys3(__NR_open_tree, fd, "",
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));

	return mount < 0 ? failed(walker, "open_tree", path, mount) : (int)mount;
}

int do_bind(struct walker *walker, const struct step_bind *step)
{
	int source = open_in(walker, step->from, step->source, O_PATH, 0);
	int mount, error;

	if (source < 0)
		return failed(walker, "openat2", step->source, source);
	mount = clone_mount(walker, source, step->recursive, step->source);
	sys_close(source);
	if (mount < 0)
		return mount;
	error = change_mount(walker, mount, step->recursive, step->set, step->clear, step->propagation, step->idmap,
			     step->target);
	if (error == 0)
		error = put_mount_at(walker, mount, step->tree, step->target, step->missing);
	sys_close(mount);
	return error;
}

int do_attach(struct walker *walker, const struct step_attach *step)
{
	return put_mount_at(walker, (int)step->fd, step->tree, step->target, 0);
}

int do_set_mount(struct walker *walker, const struct step_set_mount *step)
{
	int fd = open_in(walker, step->tree, step->target, O_PATH, 0);
	int error;

	if (fd < 0)
		return failed(walker, "openat2", step->target, fd);
	error = change_mount(walker, fd, step->recursive, step->set, step->clear, step->propagation, -1, step->target);
	sys_close(fd);
	return error;
}

int do_unmount(struct walker *walker, const struct step_unmount *step)
{
	char path[64 + 256] = "/proc/self/fd/";
	char name[256];
	u64 flags = NO_FOLLOW | (step->detach ? DETACH : 0);
	int parent;
	size_t length;
	long error;

	if (step->tree == TREE_HOST) {
		error = sys2(__NR_umount2, step->target, flags);
		return error < 0 ? failed(walker, "umount2", step->target, error) : 0;
	}
	/* An fd of the mount itself would keep it busy: the directory above is opened, and the name is not followed. */
	parent = open_parent(walker, step->tree, step->target, false, name);
	if (parent < 0)
		return failed(walker, "openat2", step->target, parent);
	length = 14 + number_text(path + 14, (u64)parent);
	path[length++] = '/';
	copy_text(path + length, sizeof path - length, name);
	error = sys2(__NR_umount2, path, flags);
	sys_close(parent);
	return error < 0 ? failed(walker, "umount2", step->target, error) : 0;
}

static int null_device(struct walker *walker)
{
	struct statx status;
	int fd = sys_openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
	long error;

	if (fd < 0)
		return failed(walker, "open", "/dev/null", fd);
	error = sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &status);
	/* CVE-2025-31133: whatever else has this name must not be laid over a masked file. */
	if (error == 0 && ((status.stx_mode & S_IFMT) != S_IFCHR || status.stx_rdev_major != 1 || status.stx_rdev_minor != 3))
		error = -ENODEV;
	if (error < 0) {
		sys_close(fd);
		return failed(walker, "statx", "/dev/null", error);
	}
	return fd;
}

static int mask_for(struct walker *walker, u32 type, const char *path)
{
	static const struct step_mount empty = {.type = "tmpfs", .source = "tmpfs", .attributes = MOUNT_ATTR_RDONLY};
	int null, mount;

	if (type == S_IFDIR) {
		struct step_mount step = empty;

		step.target = path;
		return create_mount(walker, &step);
	}
	null = null_device(walker);
	if (null < 0)
		return null;
	mount = clone_mount(walker, null, false, "/dev/null");
	sys_close(null);
	return mount;
}

int do_mask(struct walker *walker, const struct step_mask *step)
{
	struct statx status;
	int target = open_in(walker, TREE_ROOTFS, step->target, O_PATH, 0);
	int mount, error;

	if (target == -ENOENT || target == -ENOTDIR || target == -EACCES)
		return 0;
	if (target < 0)
		return failed(walker, "openat2", step->target, target);
	error = (int)sys5(__NR_statx, target, "", AT_EMPTY_PATH, STATX_TYPE, &status);
	mount = error < 0 ? failed(walker, "statx", step->target, error)
			  : mask_for(walker, status.stx_mode & S_IFMT, step->target);
	error = mount < 0 ? mount : put_mount(walker, mount, target, step->target);
	if (mount >= 0)
		sys_close(mount);
	sys_close(target);
	return error;
}

int do_make_read_only(struct walker *walker, const struct step_make_read_only *step)
{
	int target = open_in(walker, TREE_ROOTFS, step->target, O_PATH, 0);
	int mount, error;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return failed(walker, "openat2", step->target, target);
	mount = clone_mount(walker, target, true, step->target);
	error = mount < 0 ? mount : change_mount(walker, mount, true, MOUNT_ATTR_RDONLY, 0, 0, -1, step->target);
	if (error == 0)
		error = put_mount(walker, mount, target, step->target);
	if (mount >= 0)
		sys_close(mount);
	sys_close(target);
	return error;
}

int do_enter_rootfs(struct walker *walker, const struct step_enter_rootfs *step)
{
	int fd = sys_openat(AT_FDCWD, step->path, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return failed(walker, "open", step->path, fd);
	if (walker->rootfs >= 0)
		sys_close(walker->rootfs);
	walker->rootfs = fd;
	return 0;
}

/* pivot_root(2), "pivot_root(".", ".")": the old root lies on top of the new one until it is detached. */
int do_pivot_root(struct walker *walker)
{
	long error = sys1(__NR_fchdir, walker->rootfs);

	if (error < 0)
		return failed(walker, "fchdir", NULL, error);
	error = sys2(__NR_pivot_root, ".", ".");
	if (error < 0)
		return failed(walker, "pivot_root", NULL, error);
	error = sys2(__NR_umount2, ".", DETACH);
	if (error < 0)
		return failed(walker, "umount2", "the old root", error);
	error = sys1(__NR_chdir, "/");
	return error < 0 ? failed(walker, "chdir", "/", error) : 0;
}

static int own_proc(struct walker *walker)
{
	static const struct step_mount proc = {.type = "proc", .source = "proc", .target = "a procfs of our own"};

	if (walker->proc < 0)
		walker->proc = create_mount(walker, &proc);
	return walker->proc;
}

int do_set_sysctl(struct walker *walker, const struct step_set_sysctl *step)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	char path[256] = "sys/";
	int fd = own_proc(walker);
	long error;

	if (fd < 0)
		return fd;
	if (text_length(step->name) >= sizeof path - 4)
		return failed(walker, "open", step->name, -ENAMETOOLONG);
	copy_text(path + 4, sizeof path - 4, step->name);
	fd = (int)sys4(__NR_openat2, fd, path, &how, sizeof how);
	if (fd < 0)
		return failed(walker, "open", path, fd);
	error = sys_write(fd, step->value, text_length(step->value));
	sys_close(fd);
	return error < 0 ? failed(walker, "write", path, error) : 0;
}
