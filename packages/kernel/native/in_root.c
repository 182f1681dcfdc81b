/*
 * Names inside a tree. A `rootfs` path comes from an image or a user and lies in a tree that a running
 * container may be changing: the kernel resolves it under the rootfs fd (openat2(2), RESOLVE_IN_ROOT),
 * and what follows works on the fd that came out, never on the string again.
 */
#include "walk.h"

#define LOST_RACES 128

int open_in(const struct walker *walker, u64 tree, const char *path, int flags, u64 resolve)
{
	struct open_how how = {.flags = (u64)(flags | O_CLOEXEC), .resolve = resolve};
	long fd;

	if (tree == TREE_HOST) {
		return (int)sys4(__NR_openat2, AT_FDCWD, path, &how, sizeof how);
	}
	if (walker->rootfs < 0)
		return -EBADF;
	how.resolve |= RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	/* EAGAIN: a rename happened below while the kernel walked. Somebody who renames forever gets an error. */
	for (int lost = 0; lost < LOST_RACES; lost++) {
		fd = sys4(__NR_openat2, walker->rootfs, *path == '\0' ? "." : path, &how, sizeof how);
		if (fd != -EAGAIN)
			return (int)fd;
	}
	return -EAGAIN;
}

static int open_directory(const struct walker *walker, u64 tree, const char *path)
{
	return open_in(walker, tree, *path == '\0' ? (tree == TREE_HOST ? "/" : ".") : path, O_PATH | O_DIRECTORY, 0);
}

/* Where the last name of `path` begins. Trailing slashes were cut by the caller. */
static size_t last_name(const char *path, size_t length)
{
	while (length > 0 && path[length - 1] != '/')
		length--;
	return length;
}

/* Makes `path` and what is missing above it, and opens it. `path` is a buffer that is cut and mended on the way. */
static int make_directories(const struct walker *walker, u64 tree, char *path)
{
	size_t length = text_length(path);
	int fd = open_directory(walker, tree, path);
	size_t at = 0;

	if (fd != -ENOENT)
		return fd;
	while (length > 0 && path[length - 1] == '/') /* open_parent() cuts behind the slash */
		path[--length] = '\0';
	/* From the top down: open what is there, make what is not, in the directory that was just opened. */
	while (at < length) {
		size_t start = at;
		char kept;
		int parent, made;

		while (path[start] == '/')
			start++;
		at = start;
		while (at < length && path[at] != '/')
			at++;
		if (at == start)
			break;
		kept = path[at];
		path[at] = '\0';
		fd = open_directory(walker, tree, path);
		if (fd == -ENOENT) {
			char slash = path[start];

			path[start] = '\0';
			parent = start == 0 && tree == TREE_HOST ? open_in(walker, tree, ".", O_PATH | O_DIRECTORY, 0)
								 : open_directory(walker, tree, path);
			path[start] = slash;
			if (parent < 0)
				return parent;
			made = (int)sys3(__NR_mkdirat, parent, path + start, 0755);
			sys_close(parent);
			if (made < 0 && made != -EEXIST)
				return made;
			fd = open_directory(walker, tree, path);
		}
		path[at] = kept;
		if (fd < 0)
			return fd;
		if (at < length)
			sys_close(fd);
	}
	return fd;
}

/* Copies `path` without trailing slashes. False when it is too long. */
static bool trimmed(char buffer[PATH_ROOM], const char *path)
{
	size_t length = text_length(path);

	if (length >= PATH_ROOM)
		return false;
	copy_text(buffer, PATH_ROOM, path);
	while (length > 1 && buffer[length - 1] == '/')
		buffer[--length] = '\0';
	return true;
}

/* Cuts `path` into its directory, left in `buffer`, and its last name. */
static int split(const char *path, char buffer[PATH_ROOM], char name[256])
{
	size_t start;

	if (!trimmed(buffer, path))
		return -ENAMETOOLONG;
	start = last_name(buffer, text_length(buffer));
	if (text_length(buffer + start) > 255)
		return -ENAMETOOLONG;
	copy_text(name, 256, buffer + start);
	if (*name == '\0' || text_equal(name, ".") || text_equal(name, ".."))
		return -EINVAL;
	buffer[start] = '\0';
	return 0;
}

static int open_split(const struct walker *walker, u64 tree, char buffer[PATH_ROOM], bool create)
{
	if (*buffer == '\0' && tree == TREE_HOST)
		return open_in(walker, tree, ".", O_PATH | O_DIRECTORY, 0);
	return create ? make_directories(walker, tree, buffer) : open_directory(walker, tree, buffer);
}

int open_parent(struct walker *walker, u64 tree, const char *path, bool create, char name[256])
{
	char buffer[PATH_ROOM];
	int error = split(path, buffer, name);

	return error < 0 ? error : open_split(walker, tree, buffer, create);
}

/*
 * A layer's files come directory by directory, and finding the directory again for each costs more than
 * making the file. A name that is made where none was cannot change what another path leads to, so the fd
 * serves the next step too, until a name is removed.
 */
int parent_of(struct walker *walker, u64 tree, const char *path, bool create, char name[256])
{
	struct parent *parent = &walker->parent;
	char buffer[PATH_ROOM];
	int error = split(path, buffer, name);

	if (error < 0)
		return error;
	if (parent->open && parent->current && parent->tree == tree && text_equal(parent->path, buffer))
		return parent->fd;
	close_parent(walker);
	copy_text(parent->path, sizeof parent->path, buffer); /* make_directories() cuts the buffer */
	parent->tree = tree;
	parent->fd = open_split(walker, tree, buffer, create);
	parent->open = parent->current = parent->fd >= 0;
	return parent->fd;
}

int remove_name(struct walker *walker, const char *name, bool keep)
{
	walker->parent.current = false;
	return remove_tree(walker->parent.fd, name, keep);
}

void close_parent(struct walker *walker)
{
	if (walker->parent.open)
		sys_close(walker->parent.fd);
	walker->parent.open = false;
}

static int make_target_file(struct walker *walker, u64 tree, const char *path)
{
	char name[256];
	int parent = open_parent(walker, tree, path, true, name);
	long made;

	if (parent < 0)
		return parent;
	made = sys4(__NR_mknodat, parent, name, S_IFREG | 0644, 0);
	sys_close(parent);
	return made < 0 && made != -EEXIST ? (int)made : 0;
}

int open_target(struct walker *walker, u64 tree, const char *path, u64 missing)
{
	enum { REFUSE, DIRECTORY, FILE, FIXED };
	u64 resolve = missing == FIXED ? RESOLVE_NO_SYMLINKS : 0;
	/* Without O_NOFOLLOW, with which O_PATH would open a symlink itself, whatever `resolve` says (openat2(2)). */
	int fd = open_in(walker, tree, path, O_PATH, resolve);
	int error;

	if (fd != -ENOENT || missing == REFUSE)
		return fd;
	if (missing == FILE) {
		error = make_target_file(walker, tree, path);
	} else {
		char buffer[PATH_ROOM];

		if (!trimmed(buffer, path))
			return -ENAMETOOLONG;
		error = make_directories(walker, tree, buffer);
		if (error >= 0)
			sys_close(error);
	}
	return error < 0 ? error : open_in(walker, tree, path, O_PATH, resolve);
}
