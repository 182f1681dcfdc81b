/*
 * Removing a tree that somebody else filled. Nothing is followed and no mount is entered: a bind mount of
 * a host directory that is still there is an error, not something to empty.
 *
 * The depth is bounded neither by the stack nor by the number of fds, and there is no way up: ".." of a
 * directory that somebody moves meanwhile would lead out of the tree, to the host. Instead a directory that
 * is not empty is lifted to the top, so that all work is done in two directories that stay open:
 *
 *   top/a/b/c  →  top/a  top/.ctr-1/c  →  top/.ctr-1  top/.ctr-2  →  top
 */
#include "walk.h"

#include <linux/fs.h>

struct entry { /* struct linux_dirent64 */
	u64 inode;
	s64 offset;
	u16 size;
	u8 type;
	char name[];
};

/* A removal under way. */
struct visitor {
	int top;
	u64 lifted;  /* names given so far */
	int deeper; /* fd of the directory that the visit stopped at */
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

static int empty_directory(int top);

/*
 * A directory that comes from a lower layer of an overlay cannot be renamed (EXDEV). It is emptied where it
 * is: one fd and one frame a level, which ends with EMFILE long before the stack does.
 */
static long remove_in_place(int directory, const char *name)
{
	int child = open_child(directory, name);
	long error;

	if (child < 0)
		return child;
	error = empty_directory(child);
	sys_close(child);
	return error < 0 ? error : sys3(__NR_unlinkat, directory, name, AT_REMOVEDIR);
}

static long lift(struct visitor *visitor, int directory, const char *name)
{
	char lifted[32] = ".ctr-";
	long error;

	do {
		number_text(lifted + 5, ++visitor->lifted);
		error = sys5(__NR_renameat2, directory, name, visitor->top, lifted, RENAME_NOREPLACE);
	} while (error == -EEXIST);
	return error == -EXDEV ? remove_in_place(directory, name) : error;
}

/*
 * Removes what is in `directory`. A directory in it that is not empty is opened and ends the visit with 1
 * when `directory` is the top itself; elsewhere it is lifted to the top. 0: nothing is left.
 */
static int remove_entries(struct visitor *visitor, int directory)
{
	char buffer[2048] __attribute__((aligned(8)));

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
			if (error == -ENOTEMPTY && directory == visitor->top) {
				visitor->deeper = open_child(directory, entry->name);
				if (visitor->deeper >= 0)
					return 1;
				error = visitor->deeper;
			} else if (error == -ENOTEMPTY) {
				error = lift(visitor, directory, entry->name);
			}
			if (error < 0 && error != -ENOENT)
				return (int)error;
			removed = true;
		}
		if (!removed)
			return 0;
	}
}

static int empty_directory(int top)
{
	struct visitor visitor = {.top = top};
	int state;

	while ((state = remove_entries(&visitor, top)) == 1) {
		state = remove_entries(&visitor, visitor.deeper);
		sys_close(visitor.deeper);
		if (state < 0)
			break;
	}
	return state;
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
