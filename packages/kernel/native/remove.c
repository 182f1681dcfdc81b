/*
 * Removing a tree that somebody else filled. Nothing is followed, no mount is entered (a bind mount of a
 * host directory that is still there is an error, not something to empty), and the depth is not bounded
 * by the stack or by the number of fds: one directory is open at a time, and the way up is "..".
 *
 * Somebody may move a directory while it is being emptied: then ".." is not where we came from, and going
 * on there would empty the host. So every directory on the way down is remembered, and one that is not the
 * one remembered is never entered: the walk begins again at the top.
 */
#include "walk.h"

#define REMEMBERED 1024 /* of the way down; what lies above is found again from the top */
#define LOST_RACES 128

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

struct place {
	u64 inode;
	u32 major, minor;
};

static int place_of(int directory, struct place *place)
{
	struct statx status;
	int error = (int)sys5(__NR_statx, directory, "", AT_EMPTY_PATH, STATX_INO, &status);

	*place = (struct place){status.stx_ino, status.stx_dev_major, status.stx_dev_minor};
	return error;
}

/* The directory above `current`, if it is the one that we came from. -EAGAIN: it is another. */
static int open_above(int current, const struct place *expected)
{
	struct place found;
	int above = open_child(current, "..");
	int error;

	if (above < 0)
		return above == -EXDEV ? -EAGAIN : above;
	error = place_of(above, &found);
	if (error == 0 && found.inode == expected->inode && found.major == expected->major && found.minor == expected->minor)
		return above;
	sys_close(above);
	return error < 0 ? error : -EAGAIN;
}

/* The way from the top directory, which has depth 0, down to the one that is being emptied. */
struct way {
	int top, current;
	u64 depth;
	u64 known; /* depths from here to `depth` are in `above` */
	int lost;  /* how often somebody moved a directory under us */
	struct place above[REMEMBERED];
};

static void step_to(struct way *way, int directory)
{
	if (way->current != way->top)
		sys_close(way->current);
	way->current = directory;
}

static int go_down(struct way *way, int next)
{
	int error = place_of(way->current, &way->above[way->depth % REMEMBERED]);

	if (error < 0) {
		sys_close(next);
		return error;
	}
	way->depth++;
	if (way->depth - way->known > REMEMBERED)
		way->known = way->depth - REMEMBERED;
	step_to(way, next);
	return 0;
}

static int go_up(struct way *way)
{
	int next = -EAGAIN;

	if (way->depth - 1 >= way->known) {
		next = open_above(way->current, &way->above[(way->depth - 1) % REMEMBERED]);
		if (next == -EAGAIN && ++way->lost > LOST_RACES)
			return -EAGAIN;
		if (next < 0 && next != -EAGAIN)
			return next;
	}
	if (next >= 0) {
		way->depth--;
		step_to(way, next);
	} else { /* forgotten, or moved by somebody: what is left is found again from the top */
		way->depth = way->known = 0;
		step_to(way, way->top);
	}
	return 0;
}

static int empty_directory(int directory)
{
	struct way way;
	int error = 0;

	way.top = way.current = directory;
	way.depth = way.known = 0;
	way.lost = 0;
	while (error == 0) {
		int next = NO_FD;
		int state = remove_entries(way.current, &next);

		if (state == 0 && way.depth == 0)
			break;
		error = state < 0 ? state : state == 1 ? go_down(&way, next) : go_up(&way);
	}
	step_to(&way, directory);
	return error;
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
	return error == -ENOENT ? 0 : error; /* somebody else removed it */
}
