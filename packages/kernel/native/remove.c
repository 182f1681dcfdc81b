/*
 * Removing a tree that somebody else filled. Nothing is followed, no mount is entered (a bind mount of a
 * host directory that is still there is an error, not something to empty), and the depth is not bounded
 * by the stack or by the number of fds: one directory is open at a time, and the way up is "..".
 */
#include "walk.h"

struct entry { /* struct linux_dirent64 */
	u64 inode;
	s64 offset;
	u16 size;
	u8 type;
	char name[];
};

static int open_child(int parent, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};

	return (int)sys4(__NR_openat2, parent, name, &how, sizeof how);
}

static bool is_dots(const char *name)
{
	return text_equal(name, ".") || text_equal(name, "..");
}

/*
 * Removes what can be removed directly in `directory`. 0: it is empty now. 1: `deeper` is an fd of a
 * directory in it that is not empty. Else minus errno.
 */
static int remove_entries(int directory, int *deeper)
{
	char buffer[8192] __attribute__((aligned(8)));

	for (;;) {
		long size, at = 0;
		bool removed = false;

		if (sys3(__NR_lseek, directory, 0, 0) < 0)
			return -EIO;
		size = sys3(__NR_getdents64, directory, buffer, sizeof buffer);
		if (size < 0)
			return (int)size;
		while (at < size) {
			struct entry *entry = (struct entry *)(void *)(buffer + at);
			long error;

			at += entry->size;
			if (is_dots(entry->name))
				continue;
			error = sys3(__NR_unlinkat, directory, entry->name, 0);
			if (error == -EISDIR || error == -EPERM)
				error = sys3(__NR_unlinkat, directory, entry->name, AT_REMOVEDIR);
			if (error == -ENOTEMPTY) {
				*deeper = open_child(directory, entry->name);
				if (*deeper == -ENOENT)
					continue;
				return *deeper < 0 ? *deeper : 1;
			}
			if (error < 0 && error != -ENOENT)
				return (int)error;
			removed = true;
		}
		if (!removed)
			return 0;
	}
}

static int empty_directory(int directory)
{
	int current = directory;
	u64 depth = 0;

	for (;;) {
		int next = NO_FD;
		int state = remove_entries(current, &next);

		if (state < 0 || (state == 0 && depth == 0)) {
			if (current != directory)
				sys_close(current);
			return state;
		}
		if (state == 1) {
			depth++;
		} else {
			next = open_child(current, "..");
			depth--;
		}
		if (current != directory)
			sys_close(current);
		if (next < 0)
			return next;
		current = next;
	}
}

int remove_tree(int parent, const char *name, bool keep)
{
	int directory, error;

	if (!keep) {
		long done = sys3(__NR_unlinkat, parent, name, 0);

		if (done == -ENOENT || done == 0)
			return 0;
		if (done != -EISDIR && done != -EPERM)
			return (int)done;
	}
	directory = open_child(parent, name);
	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	error = empty_directory(directory);
	sys_close(directory);
	if (error == 0 && !keep)
		error = (int)sys3(__NR_unlinkat, parent, name, AT_REMOVEDIR);
	return error;
}
