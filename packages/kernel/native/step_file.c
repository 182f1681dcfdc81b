/*
 * Steps that make files: device nodes of a new /dev, and the entries of a layer. A name is made in the fd
 * of its directory; what had the name before is replaced and never followed.
 */
#include "walk.h"

static int give(int fd, s64 uid, s64 gid, s64 mode)
{
	long error = sys3(__NR_fchown, fd, uid, gid);

	if (error == 0 && mode >= 0)
		error = sys2(__NR_fchmod, fd, mode); /* after chown, which clears set-id bits */
	return (int)error;
}

/* Owner of a name that cannot be opened (a symlink, a device). */
static int give_name(int parent, const char *name, s64 uid, s64 gid)
{
	return (int)sys5(__NR_fchownat, parent, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

/*
 * As give(), for a file that was just made: most have what they need already, and a chown or chmod that
 * changes nothing still costs a write of the inode. Owner and mode may differ from what open(2) was asked
 * for: a set-group-ID directory gives its group, a default ACL cuts the mode.
 */
static int give_made(int fd, s64 uid, s64 gid, s64 mode)
{
	struct statx status;
	long error = sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_UID | STATX_GID | STATX_MODE, &status);

	if (error == 0 && (status.stx_uid != uid || status.stx_gid != gid))
		error = sys3(__NR_fchown, fd, uid, gid);
	if (error == 0 && (status.stx_mode & 07777) != mode)
		error = sys2(__NR_fchmod, fd, mode); /* after chown, which clears set-id bits */
	return (int)error;
}

static int open_made_directory(int parent, const char *name)
{
	return sys_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

int do_make_directory(struct walker *walker, const struct step_make_directory *step)
{
	char name[256];
	int parent = parent_of(walker, step->tree, step->path, true, name);
	int fd, error;

	if (parent == -EINVAL) { /* the root itself has no name in it */
		fd = open_in(walker, step->tree, step->path, O_RDONLY | O_DIRECTORY, 0);
	} else if (parent < 0) {
		return failed(walker, "openat2", step->path, parent);
	} else {
		error = (int)sys3(__NR_mkdirat, parent, name, 0700);
		fd = error < 0 && error != -EEXIST ? error : open_made_directory(parent, name);
		if (fd == -ENOTDIR || fd == -ELOOP) { /* another kind of file has the name */
			error = remove_name(walker, name, false);
			if (error == 0)
				error = (int)sys3(__NR_mkdirat, parent, name, 0700);
			fd = error < 0 ? error : open_made_directory(parent, name);
		}
	}
	if (fd < 0)
		return failed(walker, "mkdirat", step->path, fd);
	error = give(fd, step->uid, step->gid, step->mode);
	sys_close(fd);
	return error < 0 ? failed(walker, "fchown", step->path, error) : 0;
}

int do_make_file(struct walker *walker, const struct step_make_file *step)
{
	char name[256];
	int parent = parent_of(walker, step->tree, step->path, true, name);
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int mode = (int)(step->mode & 0777); /* set-id bits only when the owner is right and nothing is written any more */
	int fd, error;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	fd = sys_openat(parent, name, flags, mode);
	if (fd == -EEXIST) {
		error = remove_name(walker, name, false);
		fd = error < 0 ? error : sys_openat(parent, name, flags, mode);
	}
	if (fd < 0)
		return failed(walker, "openat", step->path, fd);
	error = write_all(fd, step->bytes.data, step->bytes.size);
	if (error < 0) {
		sys_close(fd);
		return failed(walker, "write", step->path, error);
	}
	error = give_made(fd, step->uid, step->gid, step->mode);
	sys_close(fd);
	return error < 0 ? failed(walker, "fchown", step->path, error) : 0;
}

int do_extend_file(struct walker *walker, const struct step_extend_file *step)
{
	char name[256];
	int parent = parent_of(walker, step->tree, step->path, false, name);
	u64 done = 0;
	long error = 0;
	int fd;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	fd = sys_openat(parent, name, O_WRONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return failed(walker, "openat", step->path, fd);
	while (error >= 0 && done < step->bytes.size) {
		error = sys4(__NR_pwrite64, fd, step->bytes.data + done, step->bytes.size - done, (u64)step->offset + done);
		if (error > 0)
			done += (u64)error;
	}
	if (error >= 0 && step->size >= 0)
		error = sys2(__NR_ftruncate, fd, step->size); /* a hole at the end has no bytes to write */
	sys_close(fd);
	return error < 0 ? failed(walker, "pwrite64", step->path, error) : 0;
}

int do_make_symlink(struct walker *walker, const struct step_make_symlink *step)
{
	char name[256];
	int parent = parent_of(walker, step->tree, step->path, true, name);
	long error;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	error = sys3(__NR_symlinkat, step->text, parent, name);
	if (error == -EEXIST) {
		error = remove_name(walker, name, false);
		if (error == 0)
			error = sys3(__NR_symlinkat, step->text, parent, name);
	}
	if (error == 0)
		error = give_name(parent, name, step->uid, step->gid);
	return error < 0 ? failed(walker, "symlinkat", step->path, error) : 0;
}

int do_make_hardlink(struct walker *walker, const struct step_make_hardlink *step)
{
	char name[256], old_name[256];
	int old_parent = open_parent(walker, step->tree, step->existing, false, old_name);
	int parent;
	long error;

	if (old_parent < 0)
		return failed(walker, "openat2", step->existing, old_parent);
	parent = parent_of(walker, step->tree, step->path, true, name);
	if (parent < 0) {
		sys_close(old_parent);
		return failed(walker, "openat2", step->path, parent);
	}
	error = sys5(__NR_linkat, old_parent, old_name, parent, name, 0);
	if (error == -EEXIST) {
		struct statx a, b;

		/* A link of a file to its own name is already there; anything else makes room. */
		if (sys5(__NR_statx, old_parent, old_name, AT_SYMLINK_NOFOLLOW, STATX_INO, &a) == 0 &&
		    sys5(__NR_statx, parent, name, AT_SYMLINK_NOFOLLOW, STATX_INO, &b) == 0 && a.stx_ino == b.stx_ino) {
			error = 0;
		} else {
			error = remove_name(walker, name, false);
			if (error == 0)
				error = sys5(__NR_linkat, old_parent, old_name, parent, name, 0);
		}
	}
	sys_close(old_parent);
	return error < 0 ? failed(walker, "linkat", step->path, error) : 0;
}

/* The kernel's encoding of a device number for user space (linux/kdev_t.h, new_encode_dev). */
static u32 device_number(s64 major, s64 minor)
{
	return (u32)((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xffLL) << 12));
}

int do_make_node(struct walker *walker, const struct step_make_node *step)
{
	char name[256];
	int parent = parent_of(walker, step->tree, step->path, true, name);
	u64 mode = step->kind | (u64)step->mode;
	u32 device = device_number(step->major, step->minor);
	long error;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	/* The umask of whoever performs a plan is 0 meanwhile, so the mode is the one asked for. */
	error = sys4(__NR_mknodat, parent, name, mode, device);
	if (error == -EEXIST) {
		error = remove_name(walker, name, false);
		if (error == 0)
			error = sys4(__NR_mknodat, parent, name, mode, device);
	}
	if (error == 0) /* also for root: in a directory with set-gid the name would keep the directory's group */
		error = give_name(parent, name, step->uid, step->gid);
	return error < 0 ? failed(walker, "mknodat", step->path, error) : 0;
}

/* The directory and name of a step that may also mean the root itself: then the root and ".". The fd is the walker's. */
static int place_of(struct walker *walker, u64 tree, const char *path, char name[256])
{
	int parent = parent_of(walker, tree, path, false, name);

	if (parent != -EINVAL)
		return parent;
	close_parent(walker);
	parent = open_in(walker, tree, path, O_PATH | O_DIRECTORY, 0);
	walker->parent.fd = parent;
	walker->parent.open = parent >= 0;
	walker->parent.current = false;
	copy_text(name, 256, ".");
	return parent;
}

int do_set_xattr(struct walker *walker, const struct step_set_xattr *step)
{
	char path[64 + 256] = "/proc/self/fd/";
	char name[256];
	int parent = place_of(walker, step->tree, step->path, name);
	size_t length;
	long error;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	/* There is no setxattrat before 6.13; the magic link stands for the directory's fd, the name is not followed. */
	length = 14 + number_text(path + 14, (u64)parent);
	path[length++] = '/';
	copy_text(path + length, sizeof path - length, name);
	error = sys5(__NR_lsetxattr, path, step->name, step->value.data, step->value.size, 0);
	return error < 0 ? failed(walker, "lsetxattr", step->path, error) : 0;
}

int do_set_time(struct walker *walker, const struct step_set_time *step)
{
	char name[256];
	s64 seconds = step->time / 1000000000, nanoseconds = step->time % 1000000000;
	s64 times[4];
	int parent = place_of(walker, step->tree, step->path, name);
	long error;

	if (parent < 0)
		return failed(walker, "openat2", step->path, parent);
	if (nanoseconds < 0) {
		seconds--;
		nanoseconds += 1000000000;
	}
	times[0] = times[2] = seconds;
	times[1] = times[3] = nanoseconds;
	error = sys4(__NR_utimensat, parent, name, times, AT_SYMLINK_NOFOLLOW);
	return error < 0 ? failed(walker, "utimensat", step->path, error) : 0;
}

static int remove_path(struct walker *walker, u64 tree, const char *path, bool keep)
{
	char name[256];
	int parent = parent_of(walker, tree, path, false, name);
	int error;

	if (parent == -ENOENT)
		return 0;
	if (parent < 0)
		return failed(walker, "openat2", path, parent);
	error = remove_name(walker, name, keep);
	return error < 0 ? failed(walker, "unlinkat", path, error) : 0;
}

int do_remove(struct walker *walker, const struct step_remove *step)
{
	return remove_path(walker, step->tree, step->path, false);
}

int do_empty(struct walker *walker, const struct step_empty *step)
{
	return remove_path(walker, step->tree, step->path, true);
}
