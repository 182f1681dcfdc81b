/*
 * Counting a tree's blocks, as du(1). Directories wait in a list by their path below the top and are
 * opened from there: neither the stack nor the number of fds grows with the depth. Links are not followed
 * and other file systems not entered.
 */
#include "disk_usage.h"

#include <stdlib.h>
#include <string.h>

struct entry { /* struct linux_dirent64 */
	u64 inode;
	s64 offset;
	u16 size;
	u8 type;
	char name[];
};

struct waiting {
	struct waiting *next;
	char path[];
};

/* Files with several names that were counted: open addressing, at most half full, 0 is an empty place. */
struct inodes {
	u64 *places;
	size_t count, room;
};

struct count {
	int top;
	s64 blocks; /* of 512 bytes */
	struct waiting *waiting;
	struct inodes seen;
};

static bool insert(struct inodes *set, u64 inode)
{
	size_t at = (size_t)(inode * 0x9e3779b97f4a7c15u) & (set->room - 1);

	while (set->places[at] != 0 && set->places[at] != inode)
		at = (at + 1) & (set->room - 1);
	if (set->places[at] == inode)
		return false;
	set->places[at] = inode;
	set->count++;
	return true;
}

/* 1 when it was not there before, 0 when it was, or minus errno. */
static int add_inode(struct inodes *set, u64 inode)
{
	if (2 * (set->count + 1) > set->room) {
		struct inodes larger = {.room = set->room == 0 ? 1024 : 2 * set->room};

		larger.places = calloc(larger.room, sizeof *larger.places);
		if (larger.places == NULL)
			return -ENOMEM;
		for (size_t i = 0; i < set->room; i++)
			if (set->places[i] != 0)
				insert(&larger, set->places[i]);
		free(set->places);
		*set = larger;
	}
	return insert(set, inode);
}

static int wait_with(struct count *count, const char *directory, const char *name)
{
	size_t length = strlen(directory), more = strlen(name);
	struct waiting *waiting = malloc(sizeof *waiting + length + more + 2);

	if (waiting == NULL)
		return -ENOMEM;
	memcpy(waiting->path, directory, length);
	waiting->path[length] = '/';
	memcpy(waiting->path + length + 1, name, more + 1);
	waiting->next = count->waiting;
	count->waiting = waiting;
	return 0;
}

static int count_name(struct count *count, int directory, const char *path, const char *name)
{
	struct statx status;
	long error = sys5(__NR_statx, directory, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
			  STATX_TYPE | STATX_NLINK | STATX_INO | STATX_BLOCKS, &status);
	int is_new = 1;

	if (error == -ENOENT) /* somebody removed it meanwhile */
		return 0;
	if (error < 0)
		return (int)error;
	if ((status.stx_mode & S_IFMT) == S_IFDIR) {
		count->blocks += (s64)status.stx_blocks;
		return *name == '\0' ? 0 : wait_with(count, path, name);
	}
	if (status.stx_nlink > 1)
		is_new = add_inode(&count->seen, status.stx_ino);
	if (is_new == 1)
		count->blocks += (s64)status.stx_blocks;
	return is_new < 0 ? is_new : 0;
}

static int count_directory(struct count *count, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	char buffer[32768] __attribute__((aligned(8)));
	int directory = (int)sys4(__NR_openat2, count->top, path, &how, sizeof how);
	long size, error = 0;

	if (directory == -ENOENT || directory == -ENOTDIR || directory == -EXDEV)
		return 0;
	if (directory < 0)
		return directory;
	while (error >= 0 && (size = sys3(__NR_getdents64, directory, buffer, sizeof buffer)) != 0) {
		if (size < 0)
			error = size;
		for (long at = 0; error >= 0 && at < size;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);

			at += entry->size;
			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				error = count_name(count, directory, path, entry->name);
		}
	}
	sys_close(directory);
	return (int)error;
}

s64 disk_usage_of(const char *path)
{
	struct count count = {.top = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)};
	int error = count.top;

	if (error >= 0) {
		error = count_name(&count, count.top, "", "");
		if (error == 0)
			error = count_directory(&count, ".");
	}
	while (count.waiting != NULL) {
		struct waiting *next = count.waiting;

		count.waiting = next->next;
		if (error >= 0)
			error = count_directory(&count, next->path);
		free(next);
	}
	free(count.seen.places);
	if (count.top >= 0)
		sys_close(count.top);
	return error < 0 ? error : count.blocks * 512;
}
