/* Steps that give privileges up, and the last one, which becomes the program. */
#include "walk.h"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#define CAPABILITIES 64

int do_limit_capabilities(struct walker *walker, const struct step_limit_capabilities *step)
{
	for (u64 capability = 0; capability < CAPABILITIES; capability++) {
		long error;

		if ((u64)step->bounding >> capability & 1)
			continue;
		if (sys2(__NR_prctl, PR_CAPBSET_READ, capability) != 1) /* dropped already, or beyond the kernel's last */
			continue;
		error = sys2(__NR_prctl, PR_CAPBSET_DROP, capability);
		if (error < 0)
			return failed(walker, "prctl", "PR_CAPBSET_DROP", error);
	}
	return 0;
}

/* Is setgroups(2) switched off in this user namespace? @see user_namespaces(7) */
static bool groups_are_denied(void)
{
	char text[8] = "";
	int fd = sys_openat(AT_FDCWD, "/proc/self/setgroups", O_RDONLY, 0);

	if (fd < 0)
		return false;
	sys_read(fd, text, 4);
	sys_close(fd);
	return text_equal(text, "deny");
}

int do_set_user(struct walker *walker, const struct step_set_user *step)
{
	u32 *groups = (u32 *)(uintptr_t)step->groups.items; /* packed in the plan itself */
	long error = sys2(__NR_prctl, PR_SET_KEEPCAPS, 1);

	if (error < 0)
		return failed(walker, "prctl", "PR_SET_KEEPCAPS", error);
	for (u64 i = 0; i < step->groups.count; i++)
		groups[i] = (u32)step->groups.items[i];
	error = sys2(__NR_setgroups, step->groups.count, groups);
	if (error == -EPERM && step->groups.count == 0 && groups_are_denied())
		error = 0;
	if (error < 0)
		return failed(walker, "setgroups", NULL, error);
	error = sys3(__NR_setresgid, step->gid, step->gid, step->gid);
	if (error < 0)
		return failed(walker, "setresgid", NULL, error);
	error = sys3(__NR_setresuid, step->uid, step->uid, step->uid);
	return error < 0 ? failed(walker, "setresuid", NULL, error) : 0;
}

int do_set_capabilities(struct walker *walker, const struct step_set_capabilities *step)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {
		{(u32)step->effective, (u32)step->permitted, (u32)step->inheritable},
		{(u32)((u64)step->effective >> 32), (u32)((u64)step->permitted >> 32), (u32)((u64)step->inheritable >> 32)},
	};
	long error = sys2(__NR_capset, &header, data);

	if (error < 0)
		return failed(walker, "capset", NULL, error);
	sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (u64 capability = 0; capability < CAPABILITIES; capability++) {
		if (!((u64)step->ambient >> capability & 1))
			continue;
		error = sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
		if (error < 0)
			return failed(walker, "prctl", "PR_CAP_AMBIENT_RAISE", error);
	}
	return 0;
}

int do_set_no_new_privileges(struct walker *walker)
{
	long error = sys5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	return error < 0 ? failed(walker, "prctl", "PR_SET_NO_NEW_PRIVS", error) : 0;
}

int do_load_seccomp(struct walker *walker, const struct step_load_seccomp *step)
{
	struct sock_fprog program = {
		.len = (u16)(step->program.size / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(uintptr_t)step->program.data,
	};
	long error = sys3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, step->flags, &program);

	return error < 0 ? failed(walker, "seccomp", NULL, error) : 0;
}

int do_change_directory(struct walker *walker, const struct step_change_directory *step)
{
	char where[4096];
	long error;

	if (step->create) {
		int fd = open_target(walker, TREE_ROOTFS, step->path, 1);

		if (fd < 0)
			return failed(walker, "mkdirat", step->path, fd);
		sys_close(fd);
	}
	error = sys1(__NR_chdir, step->path);
	if (error < 0)
		return failed(walker, "chdir", step->path, error);
	/* A path such as /proc/self/fd/7 can lead out of the root: then the kernel cannot name the place from "/". */
	error = sys2(__NR_getcwd, where, sizeof where);
	if (error > 0 && where[0] != '/')
		error = -EXDEV;
	return error < 0 ? failed(walker, "getcwd", step->path, error) : 0;
}

int do_close_others(struct walker *walker, const struct step_close_others *step)
{
	long error = sys3(__NR_close_range, step->from, ~0U, CLOSE_RANGE_CLOEXEC);

	return error < 0 ? failed(walker, "close_range", NULL, error) : 0;
}

static bool starts_with(const char *text, const char *start)
{
	while (*start != '\0')
		if (*text++ != *start++)
			return false;
	return true;
}

static const char *search_path(const struct texts *env)
{
	for (u64 i = 0; i < env->count; i++)
		if (starts_with(env->items[i], "PATH="))
			return env->items[i] + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* As execvp(3) does it: the first match runs, and a match that may not run is remembered. */
static long search_and_exec(const struct step_exec *step)
{
	const char *name = step->argv.items[0];
	const char *at = search_path(&step->env);
	long best = -ENOENT;
	char path[4096];

	while (true) {
		size_t length = 0;
		long error;

		while (at[length] != '\0' && at[length] != ':')
			length++;
		if (length + text_length(name) + 2 <= sizeof path) {
			copy_text(path, length + 1, at);
			path[length] = '/';
			copy_text(path + length + 1, sizeof path - length - 1, name);
			error = sys3(__NR_execve, length == 0 ? name : path, step->argv.items, step->env.items);
			if (error != -ENOENT && error != -ENOTDIR)
				best = error;
			if (error != -ENOENT && error != -ENOTDIR && error != -EACCES)
				return error;
		}
		if (at[length] == '\0')
			return best;
		at += length + 1;
	}
}

int do_exec(struct walker *walker, const struct step_exec *step)
{
	const char *name;
	bool has_slash = false;
	long error;

	if (step->argv.count == 0)
		return failed(walker, "execve", NULL, -EINVAL);
	name = step->argv.items[0];
	for (const char *at = name; *at != '\0'; at++)
		has_slash = has_slash || *at == '/';
	if (*name == '\0')
		error = -ENOENT;
	else if (has_slash)
		error = sys3(__NR_execve, name, step->argv.items, step->env.items);
	else
		error = search_and_exec(step);
	return failed(walker, "execve", name, error);
}
